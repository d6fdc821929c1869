//! A [chainrun](https://github.com/chainrun/chainrun) node as one typed function.
//!
//! ```
//! use chainrun::{Context, Result};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Visitor {
//!     name: String,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Greeting {
//!     text: String,
//! }
//!
//! /// Greets a visitor.
//! fn greet(ctx: &Context, visitor: Visitor) -> Result<Greeting> {
//!     if visitor.name.is_empty() {
//!         chainrun::bail!("no_name", "nobody to greet");
//!     }
//!     chainrun::info!(ctx, "greeting"; name = visitor.name);
//!     Ok(Greeting { text: format!("Hello, {}!", visitor.name) })
//! }
//!
//! chainrun::node! { main: greet }
//! # fn main() {}
//! ```
//!
//! [`node!`] exports functions from a `cdylib` built for `wasm32-wasip1` or
//! `wasm32-unknown-unknown`; everywhere else it exports nothing, so that a
//! node's tests are plain `cargo test`, with a [`testing::TestHost`] where a
//! node asks the host. [`Error`] says what a failure means to the host. The
//! [`Context`] reaches it: config, feedback, capabilities, the log.
//!
//! Documents are decoded and encoded by serde_json; [`Raw`] passes one on as it
//! is. A node that panics logs the message and ends by a trap.

// A CallError is large and rare; a Box would be in the way of whoever matches it.
#![allow(clippy::result_large_err)]

mod call;
mod context;
mod error;
mod host;
mod log;
mod macros;
mod manifest;
mod run;
pub mod testing;
#[cfg(target_family = "wasm")]
mod wasm;

pub use call::{Ask, CallError};
pub use context::{Context, Violation};
pub use error::{Error, Result};
pub use host::Host;
pub use log::Level;

/// Any document, kept as the text that it came as: for nodes that pass on what
/// they do not look into. `raw.get()` is the text.
pub type Raw = Box<serde_json::value::RawValue>;

/// For [`node!`] alone.
#[doc(hidden)]
pub mod internal {
    pub use crate::manifest::{entry, main, Manifest, SchemaFor};
    pub use crate::run::{describe, run};
    #[cfg(target_family = "wasm")]
    pub use crate::wasm::{alloc, describe_export, initialize, run_export};
    pub use serde_json;
}
