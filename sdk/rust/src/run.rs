// One attempt, from bytes to bytes, on any platform.

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::manifest::Manifest;
use crate::{Context, Error, Result};

/// The output document, or the error document.
pub type Outcome = std::result::Result<Vec<u8>, Vec<u8>>;

/// Decodes the input, calls the node's function, encodes what it gives.
pub fn run<I, O>(ctx: &Context, input: &[u8], node: impl FnOnce(&Context, I) -> Result<O>) -> Outcome
where
    I: DeserializeOwned,
    O: Serialize,
{
    let attempt = || -> Result<Vec<u8>> {
        let input = decode(input).map_err(|err| Error::new("bad_input", err).context("decoding the input"))?;
        let output = node(ctx, input)?;
        encode(&output).map_err(|err| Error::new("bad_output", err).context("encoding the output"))
    };
    attempt().map_err(|err| error_document(&err))
}

/// The manifest, or an error document.
pub fn describe(manifest: &Manifest) -> Outcome {
    encode(manifest).map_err(|err| error_document(&Error::new("bad_manifest", err)))
}

// A document may be 512 levels deep, which the host sees to; serde_json's own
// limit is 128.
pub(crate) fn decode<T: DeserializeOwned>(doc: &[u8]) -> serde_json::Result<T> {
    let mut d = serde_json::Deserializer::from_slice(doc);
    d.disable_recursion_limit();
    let value = T::deserialize(&mut d)?;
    d.end()?;
    Ok(value)
}

fn encode<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(value)
}

fn error_document(err: &Error) -> Vec<u8> {
    // Two strings and a bool always encode.
    serde_json::to_vec(err).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{json, Value};

    use super::*;
    use crate::testing::TestHost;
    use crate::Raw;

    fn attempt(input: &str) -> std::result::Result<Value, Value> {
        let outcome = run(&TestHost::new().context(), input.as_bytes(), |_, n: u8| match n {
            0 => Err(Error::new("zero", "no \"zero\"").retryable()),
            n => Ok(json!({"half": n / 2})),
        });
        let parse = |doc: Vec<u8>| serde_json::from_slice::<Value>(&doc).unwrap();
        outcome.map(parse).map_err(parse)
    }

    #[test]
    fn outcomes() {
        assert_eq!(attempt(" 8 "), Ok(json!({"half": 4})));
        assert_eq!(attempt("0"), Err(json!({"code": "zero", "message": "no \"zero\"", "retryable": true})));
        for bad in ["", "{", "300", "1 2", "\"1\""] {
            assert_eq!(attempt(bad).unwrap_err()["code"], "bad_input", "{bad:?}");
        }
    }

    #[test]
    fn deep_documents() {
        let doc = format!("{}{}", "[".repeat(512), "]".repeat(512));
        let ctx = TestHost::new().context();
        assert_eq!(run(&ctx, doc.as_bytes(), |_, v: Value| Ok(v)).unwrap(), doc.as_bytes());
        let spaced = " {\"a\" : 1.0e2} ";
        assert_eq!(run(&ctx, spaced.as_bytes(), |_, v: Raw| Ok(v)).unwrap(), spaced.trim().as_bytes());
    }
}
