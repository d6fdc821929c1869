// Failures: what a function's error tells the host.

use std::any::Any;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CallError;

/// What a node's function returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure with a code. The host records the code as the failure's reason, on
/// which a graph's edges can select, and tries again when it is retryable and
/// the graph's retry rules allow it.
///
/// Every [`std::error::Error`] becomes one by `?`, with code `error`, not
/// retryable; a [`CallError`] keeps the capability's reason and whether it may
/// be tried again. (That is why this type is no `std::error::Error` itself.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Error {
    /// Short and stable, such as `unknown_sku`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl Error {
    /// An error that is not retryable.
    pub fn new(code: impl Into<String>, message: impl fmt::Display) -> Error {
        Error { code: code.into(), message: message.to_string(), retryable: false }
    }

    /// The same, marked as worth trying again.
    pub fn retryable(mut self) -> Error {
        self.retryable = true;
        self
    }

    /// The same with `what: ` before its message; the code stays.
    pub fn context(mut self, what: impl fmt::Display) -> Error {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    /// The message, without the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(err: E) -> Error {
        match (&err as &dyn Any).downcast_ref::<CallError>() {
            Some(call) => Error {
                code: if call.reason.is_empty() { call.code.clone() } else { call.reason.clone() },
                message: call.to_string(),
                retryable: call.retryable,
            },
            None => Error::new("error", chain(&err)),
        }
    }
}

// chain is an error's message and those of its sources that it does not repeat.
fn chain(err: &dyn std::error::Error) -> String {
    let mut message = err.to_string();
    let mut next = err.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        next = source.source();
    }
    message
}

/// An [`Error`](crate::Error) with a code and a formatted message:
/// `chainrun::err!("unknown_sku", "no price for {sku}")`.
#[macro_export]
macro_rules! err {
    ($code:expr, $($message:tt)+) => {
        $crate::Error::new($code, ::std::format_args!($($message)+))
    };
}

/// Returns an [`Error`](crate::Error) with a code and a formatted message.
#[macro_export]
macro_rules! bail {
    ($code:expr, $($message:tt)+) => {
        return ::std::result::Result::Err($crate::err!($code, $($message)+))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_becomes_one() {
        let parse = || -> Result<i64> { Ok("x".parse::<i64>()?) };
        assert_eq!(parse().unwrap_err(), Error::new("error", "invalid digit found in string"));
    }

    #[test]
    fn a_call_keeps_its_reason() {
        let call = CallError {
            code: "capability_error".into(),
            reason: "http_429".into(),
            message: "slow down".into(),
            retryable: true,
            ..CallError::default()
        };
        let err = Error::from(call.clone()).context("asking");
        assert_eq!((err.code.as_str(), err.retryable), ("http_429", true));
        assert!(err.message.starts_with("asking: ") && err.message.ends_with("slow down"));
        assert_eq!(Error::from(CallError { reason: String::new(), ..call }).code, "capability_error");
    }

    #[test]
    fn macros() {
        let fails = |sku: &str| -> Result<()> { bail!("unknown_sku", "no price for {sku:?}") };
        assert_eq!(fails("tea").unwrap_err(), Error::new("unknown_sku", "no price for \"tea\""));
        assert!(err!("busy", "later").retryable().retryable);
    }
}
