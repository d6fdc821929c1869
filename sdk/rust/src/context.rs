// What one attempt may ask of the host.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Host, Result};

/// One attempt's way to the host. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    host: Rc<dyn Host>,
}

/// One complaint of the host about what the attempt before this one returned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Violation {
    /// A JSON Pointer into the refused output, empty for all of it.
    pub pointer: String,
    /// The rule of the schema, such as `type` or `maximum`.
    pub keyword: String,
    /// For people.
    pub message: String,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
}

impl Context {
    /// A context in which `host` answers, for tests.
    pub fn new(host: impl Host + 'static) -> Context {
        Context { host: Rc::new(host) }
    }

    pub(crate) fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// The node's config, as the graph gives it; the default where it gives
    /// none (`Option<T>` tells the two apart). One that does not decode is an
    /// error with code `bad_config`.
    pub fn config<T: DeserializeOwned + Default>(&self) -> Result<T> {
        let doc = self.ask("node", "config", b"")?;
        if doc.is_empty() {
            return Ok(T::default());
        }
        crate::run::decode(&doc).map_err(|err| Error::new("bad_config", err).context("decoding the config"))
    }

    /// Why the host refused the output of the attempt before this one; empty in
    /// a first attempt. The host names the first 50 violations.
    pub fn feedback(&self) -> Vec<Violation> {
        // The document is the host's own; there is nobody to tell of a bad one.
        let doc = self.ask("node", "feedback", b"").unwrap_or_default();
        crate::run::decode(&doc).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TestHost;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Config {
        factor: i64,
    }

    #[test]
    fn config() {
        let with = |config| TestHost::new().config(config).context();
        assert_eq!(with(json!({"factor": 3, "more": 1})).config::<Config>().unwrap(), Config { factor: 3 });
        assert_eq!(with(json!({"factor": "x"})).config::<Config>().unwrap_err().code, "bad_config");
        let none = TestHost::new().context();
        assert_eq!(none.config::<Config>().unwrap(), Config::default());
        assert_eq!(none.config::<Option<Config>>().unwrap(), None);
    }

    #[test]
    fn feedback() {
        let seen =
            Violation { pointer: "/a".into(), keyword: "type".into(), message: "m".into(), found: Some(json!(3)) };
        assert_eq!(TestHost::new().feedback(vec![seen.clone()]).context().feedback(), [seen]);
        assert_eq!(TestHost::new().context().feedback(), []);
    }
}
