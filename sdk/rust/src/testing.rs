//! A host for the tests of nodes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{json, Value};

use crate::{CallError, Context, Host, Violation};

/// A host that gives the answers that a test gave it, and remembers what it was
/// asked. What it has no answer for is denied.
///
/// ```
/// # use chainrun::{testing::TestHost, Context, Result};
/// # use serde_json::json;
/// fn price(ctx: &Context, sku: String) -> Result<i64> {
///     Ok(ctx.call("kv", "get", &json!({"key": sku}))?)
/// }
///
/// let host = TestHost::new().answer("kv", "get", json!(350));
/// assert_eq!(price(&host.context(), "tea".into()), Ok(350));
/// assert_eq!(host.calls(), [("kv".into(), "get".into(), json!({"key": "tea"}))]);
/// ```
#[derive(Clone, Default)]
pub struct TestHost {
    state: Rc<RefCell<State>>,
}

/// One question: capability, method and payload, null where there was none.
pub type Call = (String, String, Value);

#[derive(Default)]
struct State {
    answers: HashMap<(String, String), Result<Value, CallError>>,
    calls: Vec<Call>,
    logs: Vec<Value>,
}

impl TestHost {
    /// A host that gives no config, no feedback and no capability.
    pub fn new() -> TestHost {
        TestHost::default()
    }

    /// Gives the node a config.
    pub fn config(self, config: Value) -> TestHost {
        self.answer("node", "config", config)
    }

    /// Gives the node feedback, as to a second attempt.
    pub fn feedback(self, violations: Vec<Violation>) -> TestHost {
        self.answer("node", "feedback", json!(violations))
    }

    /// Answers each call of a method.
    pub fn answer(self, capability: &str, method: &str, answer: Value) -> TestHost {
        self.set(capability, method, Ok(answer))
    }

    /// Fails each call of a method.
    pub fn fail(self, capability: &str, method: &str, failure: CallError) -> TestHost {
        self.set(capability, method, Err(failure))
    }

    fn set(self, capability: &str, method: &str, answer: Result<Value, CallError>) -> TestHost {
        self.state.borrow_mut().answers.insert((capability.into(), method.into()), answer);
        self
    }

    /// The context to call a node's function with.
    pub fn context(&self) -> Context {
        Context::new(self.clone())
    }

    /// What was asked so far, apart from `node`; a batch as its calls.
    pub fn calls(&self) -> Vec<Call> {
        self.state.borrow().calls.clone()
    }

    /// The records logged so far, each with `level`, `message` and maybe `attrs`.
    pub fn logs(&self) -> Vec<Value> {
        self.state.borrow().logs.clone()
    }

    fn one(&self, capability: &str, method: &str, payload: Value) -> Result<Value, CallError> {
        let mut state = self.state.borrow_mut();
        state.calls.push((capability.into(), method.into(), payload));
        state.answers.get(&(capability.into(), method.into())).cloned().unwrap_or_else(|| {
            Err(CallError::local("capability_denied", format!("the test has no answer of {capability}.{method}")))
        })
    }

    fn batch(&self, list: &Value) -> Value {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let asks = list.as_array().cloned().unwrap_or_default();
        let answers = asks.iter().map(|ask| {
            match self.one(&text(&ask["capability"]), &text(&ask["method"]), ask["payload"].clone()) {
                Ok(answer) => json!({"answer": answer}),
                Err(failure) => json!({"failure": failure}),
            }
        });
        answers.collect()
    }
}

impl Host for TestHost {
    fn call(&self, capability: &str, method: &str, payload: &[u8]) -> Result<Vec<u8>, CallError> {
        let payload: Value = match payload {
            b"" => Value::Null,
            doc => serde_json::from_slice(doc).map_err(|err| CallError::local("bad_request", err))?,
        };
        let answer = match (capability, method) {
            ("node", "config" | "feedback") => {
                match self.state.borrow().answers.get(&(capability.into(), method.into())) {
                    Some(answer) => answer.clone()?,
                    None => return Ok(Vec::new()),
                }
            }
            ("node", "log") => {
                self.state.borrow_mut().logs.push(payload);
                return Ok(Vec::new());
            }
            ("node", "batch") => self.batch(&payload),
            _ => self.one(capability, method, payload)?,
        };
        Ok(answer.to_string().into_bytes())
    }
}
