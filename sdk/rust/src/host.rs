// The host as a node sees it: one method, through which everything goes.

use crate::CallError;

/// Answers what a node asks. Payload and answer are JSON documents or empty.
///
/// Functions do not use it: [`Context`](crate::Context) does. A test implements
/// it to stand in for the host; [`TestHost`](crate::testing::TestHost) is one.
pub trait Host {
    /// Asks a capability; `node` is the host itself.
    fn call(&self, capability: &str, method: &str, payload: &[u8]) -> Result<Vec<u8>, CallError>;
}
