// Asking capabilities, one at a time or several at once.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Context, Raw, Result};

/// Why a call was not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallError {
    /// `capability_denied`, `capability_error`; `bad_request` or `bad_answer`
    /// where a document did not encode or decode.
    pub code: String,
    /// The capability's own code, such as `http_429`; may be empty.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What was asked.
    #[serde(skip)]
    pub capability: String,
    /// What was asked of it.
    #[serde(skip)]
    pub method: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calling {}.{}: {}", self.capability, self.method, self.message)
    }
}

impl std::error::Error for CallError {}

impl CallError {
    pub(crate) fn local(code: &str, message: impl fmt::Display) -> CallError {
        CallError { code: code.into(), message: message.to_string(), ..CallError::default() }
    }

    pub(crate) fn of(mut self, capability: &str, method: &str) -> CallError {
        self.capability = capability.into();
        self.method = method.into();
        self
    }
}

/// One call of [`Context::batch`].
#[derive(Clone, Debug, Serialize)]
pub struct Ask {
    capability: String,
    method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Raw>,
}

impl Ask {
    /// Asks with a request that is sent as JSON. The error is that of a request
    /// that does not encode.
    pub fn new<Q: Serialize + ?Sized>(capability: &str, method: &str, request: &Q) -> Result<Ask, CallError> {
        let payload = serde_json::value::to_raw_value(request)
            .map_err(|err| CallError::local("bad_request", err).of(capability, method))?;
        Ok(Ask { capability: capability.into(), method: method.into(), payload: Some(payload) })
    }

    /// Asks without a request.
    pub fn plain(capability: &str, method: &str) -> Ask {
        Ask { capability: capability.into(), method: method.into(), payload: None }
    }
}

#[derive(Deserialize)]
struct Answered {
    answer: Option<Raw>,
    failure: Option<CallError>,
}

impl Context {
    /// Asks a capability that the graph granted to this node: sends the request
    /// as JSON and decodes the answer. `()` as the answer's type ignores it,
    /// [`Raw`] takes it as it is. A function that returns the error by `?` fails
    /// as the call did.
    pub fn call<Q, A>(&self, capability: &str, method: &str, request: &Q) -> Result<A, CallError>
    where
        Q: Serialize + ?Sized,
        A: DeserializeOwned,
    {
        let payload =
            serde_json::to_vec(request).map_err(|err| CallError::local("bad_request", err).of(capability, method))?;
        let answer = self.ask(capability, method, &payload)?;
        decode(if answer.is_empty() { b"null" } else { &answer }).map_err(|err| err.of(capability, method))
    }

    /// Asks with bytes, which must be JSON or nothing, and gives the answer's.
    pub fn ask(&self, capability: &str, method: &str, payload: &[u8]) -> Result<Vec<u8>, CallError> {
        self.host().call(capability, method, payload).map_err(|err| err.of(capability, method))
    }

    /// Asks all at once and waits for the last answer: ten questions to a slow
    /// model take as long as one. At most 64 a batch; each counts against the
    /// grants as if it had been asked alone. The answers are in the order of the
    /// questions; one of nothing is `null`.
    pub fn batch(&self, asks: &[Ask]) -> Result<Vec<Result<Raw, CallError>>, CallError> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let answers: Vec<Answered> = self.call("node", "batch", asks)?;
        if answers.len() != asks.len() {
            let text = format!("{} answers to {} calls", answers.len(), asks.len());
            return Err(CallError::local("bad_answer", text).of("node", "batch"));
        }
        Ok(asks
            .iter()
            .zip(answers)
            .map(|(ask, got)| match got.failure {
                Some(failure) => Err(failure.of(&ask.capability, &ask.method)),
                None => Ok(got.answer.unwrap_or_else(null)),
            })
            .collect())
    }
}

fn null() -> Raw {
    serde_json::value::RawValue::from_string("null".into()).unwrap_or_default()
}

fn decode<A: DeserializeOwned>(answer: &[u8]) -> Result<A, CallError> {
    // () wants null; whoever asks for nothing gets it from any answer.
    if std::any::type_name::<A>() == "()" {
        return crate::run::decode(b"null").map_err(|err| CallError::local("bad_answer", err));
    }
    crate::run::decode(answer).map_err(|err| CallError::local("bad_answer", err))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TestHost;

    #[test]
    fn one() {
        let host = TestHost::new().answer("kv", "get", json!({"value": 5})).fail("llm", "chat", busy());
        let ctx = host.context();
        #[derive(Deserialize)]
        struct Got {
            value: i64,
        }
        let got: Got = ctx.call("kv", "get", &json!({"key": "a"})).unwrap();
        assert_eq!(got.value, 5);
        ctx.call::<_, ()>("kv", "get", &json!({"key": "b"})).unwrap();
        let err = ctx.call::<_, i64>("kv", "get", &()).unwrap_err();
        assert_eq!(err.code, "bad_answer");
        let err = ctx.call::<_, Raw>("llm", "chat", &()).unwrap_err();
        assert_eq!((err.reason.as_str(), err.to_string().as_str()), ("http_429", "calling llm.chat: slow down"));
        assert_eq!(ctx.call::<_, ()>("fetch", "get", &()).unwrap_err().code, "capability_denied");
        assert_eq!(host.calls()[0], ("kv".into(), "get".into(), json!({"key": "a"})));
    }

    fn busy() -> CallError {
        CallError {
            code: "capability_error".into(),
            reason: "http_429".into(),
            message: "slow down".into(),
            retryable: true,
            ..CallError::default()
        }
    }

    #[test]
    fn many() {
        let host = TestHost::new().answer("kv", "get", json!([1, 2])).fail("llm", "chat", busy());
        let ctx = host.context();
        let asks = [Ask::new("kv", "get", "a").unwrap(), Ask::plain("llm", "chat"), Ask::plain("no", "such")];
        let got = ctx.batch(&asks).unwrap();
        assert_eq!(got[0].as_ref().unwrap().get(), "[1,2]");
        assert_eq!(got[1].as_ref().unwrap_err().to_string(), "calling llm.chat: slow down");
        assert_eq!(got[2].as_ref().unwrap_err().code, "capability_denied");
        assert!(ctx.batch(&[]).unwrap().is_empty());
        assert_eq!(host.calls().len(), 3);
    }
}
