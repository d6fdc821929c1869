// Log records.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Context;

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the node's author.
    Debug,
    /// What happened.
    Info,
    /// What somebody should look at.
    Warn,
    /// What went wrong.
    Error,
}

#[derive(Serialize)]
struct Record<'a> {
    level: Level,
    message: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attrs: Map<String, Value>,
}

impl Context {
    /// Logs a record; [`info!`](crate::info) and its like are shorter. Logging
    /// needs no grant. A value that does not encode is logged as why.
    pub fn log(&self, level: Level, message: &str, attrs: Map<String, Value>) {
        if let Ok(record) = serde_json::to_vec(&Record { level, message, attrs }) {
            let _ = self.ask("node", "log", &record); // there is nobody to tell
        }
    }
}

/// Logs at a level: `chainrun::log!(ctx, chainrun::Level::Info, "charged {name}"; cents = 5)`.
#[macro_export]
macro_rules! log {
    ($ctx:expr, $level:expr, $message:literal $(, $arg:expr)* $(; $($key:ident = $value:expr),+)? $(,)?) => {{
        #[allow(unused_mut)]
        let mut attrs = $crate::internal::serde_json::Map::new();
        $($(attrs.insert(
            ::std::string::String::from(::std::stringify!($key)),
            $crate::internal::serde_json::to_value(&$value)
                .unwrap_or_else(|err| $crate::internal::serde_json::Value::String(err.to_string())),
        );)+)?
        $ctx.log($level, &::std::format!($message $(, $arg)*), attrs)
    }};
}

/// Logs at level debug: `chainrun::debug!(ctx, "charged {name}"; cents = 5)`.
#[macro_export]
macro_rules! debug {
    ($ctx:expr, $($rest:tt)+) => { $crate::log!($ctx, $crate::Level::Debug, $($rest)+) };
}

/// Logs at level info: `chainrun::info!(ctx, "charged {name}"; cents = 5)`.
#[macro_export]
macro_rules! info {
    ($ctx:expr, $($rest:tt)+) => { $crate::log!($ctx, $crate::Level::Info, $($rest)+) };
}

/// Logs at level warn: `chainrun::warn!(ctx, "charged {name}"; cents = 5)`.
#[macro_export]
macro_rules! warn {
    ($ctx:expr, $($rest:tt)+) => { $crate::log!($ctx, $crate::Level::Warn, $($rest)+) };
}

/// Logs at level error: `chainrun::error!(ctx, "lost {name}"; cents = 5)`.
/// It does not make the attempt fail.
#[macro_export]
macro_rules! error {
    ($ctx:expr, $($rest:tt)+) => { $crate::log!($ctx, $crate::Level::Error, $($rest)+) };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestHost;

    #[test]
    fn records() {
        let host = TestHost::new();
        let (ctx, who) = (&host.context(), "Ada");
        crate::debug!(ctx, "one");
        crate::info!(ctx, "two {} {who}", 2; n = 2, who = who);
        crate::warn!(ctx, "three",);
        crate::error!(ctx, "four"; list = [1.5, 2.0]);
        assert_eq!(
            host.logs(),
            [
                json!({"level": "debug", "message": "one"}),
                json!({"level": "info", "message": "two 2 Ada", "attrs": {"n": 2, "who": "Ada"}}),
                json!({"level": "warn", "message": "three"}),
                json!({"level": "error", "message": "four", "attrs": {"list": [1.5, 2.0]}}),
            ]
        );
    }
}
