// What a module says of itself: the manifest, with schemas made from types.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::{Context, Result};

/// The manifest as docs/abi.md describes it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Manifest {
    /// The crate's name, unless [`node!`](crate::node) gives another.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub author: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub license: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub homepage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<&'static str, Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<&'static str>,
}

/// A further entry of a manifest.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// A type that has a schema: every `schemars::JsonSchema`, or any type at all
/// without the feature `schema`.
#[cfg(feature = "schema")]
pub trait SchemaFor: schemars::JsonSchema {}
#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> SchemaFor for T {}

#[cfg(not(feature = "schema"))]
pub trait SchemaFor {}
#[cfg(not(feature = "schema"))]
impl<T> SchemaFor for T {}

/// The schemas of a function's input and output.
pub fn entry<I: SchemaFor, O: SchemaFor>(_: fn(&Context, I) -> Result<O>) -> Entry {
    Entry { input: Manifest::input_schema::<I>(), output: output_schema::<O>() }
}

/// Makes a function the main entry.
pub fn main<I: SchemaFor, O: SchemaFor>(manifest: &mut Manifest, node: fn(&Context, I) -> Result<O>) {
    let entry = entry(node);
    manifest.input = entry.input;
    manifest.output = entry.output;
}

impl Manifest {
    /// The schema of a document that is read; nothing where it would say nothing.
    #[cfg(feature = "schema")]
    pub fn input_schema<T: SchemaFor>() -> Option<Value> {
        schema::<T>(schemars::generate::SchemaSettings::draft2020_12())
    }

    #[cfg(not(feature = "schema"))]
    pub fn input_schema<T: SchemaFor>() -> Option<Value> {
        None
    }
}

#[cfg(feature = "schema")]
fn output_schema<T: SchemaFor>() -> Option<Value> {
    schema::<T>(schemars::generate::SchemaSettings::draft2020_12().for_serialize())
}

#[cfg(not(feature = "schema"))]
fn output_schema<T: SchemaFor>() -> Option<Value> {
    None
}

#[cfg(feature = "schema")]
fn schema<T: SchemaFor>(settings: schemars::generate::SchemaSettings) -> Option<Value> {
    let mut schema = settings
        .with(|s| {
            s.inline_subschemas = true;
            s.meta_schema = None; // 2020-12 is chainrun's default
        })
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    if let Value::Object(object) = &mut schema {
        object.remove("title"); // a type's name is nobody else's business
    }
    (schema != Value::Bool(true) && schema != Value::Object(Default::default())).then_some(schema)
}
