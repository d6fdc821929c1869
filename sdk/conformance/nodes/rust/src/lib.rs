//! The six entries that every SDK must have, in Rust.

use std::sync::OnceLock;

use chainrun::{Context, Error, Raw, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

chainrun::node! {
    entries: { echo, total, fail, feedback, ask, log, panic, prepared },
    config: Config,
    capabilities: ["clerk"],
    init: prepare,
}

#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    factor: i64,
}

impl Default for Config {
    fn default() -> Config {
        Config { factor: 1 }
    }
}

fn echo(_: &Context, document: Raw) -> Result<Raw> {
    Ok(document)
}

#[derive(Deserialize, JsonSchema)]
struct Order {
    customer: String,
    lines: Vec<Line>,
}

#[derive(Deserialize, JsonSchema)]
struct Line {
    #[allow(dead_code)]
    sku: String,
    quantity: u32,
    cents: i64,
}

#[derive(Serialize, JsonSchema)]
struct Total {
    customer: String,
    cents: i64,
    lines: usize,
}

/// Adds up an order.
fn total(ctx: &Context, order: Order) -> Result<Total> {
    let config: Config = ctx.config()?;
    let cents: i64 = order.lines.iter().map(|line| i64::from(line.quantity) * line.cents).sum();
    Ok(Total { customer: order.customer.to_ascii_uppercase(), cents: cents * config.factor, lines: order.lines.len() })
}

fn fail(_: &Context, with: Error) -> Result<()> {
    Err(with)
}

#[derive(Serialize, JsonSchema)]
struct Seen {
    count: usize,
    pointers: Vec<String>,
    keywords: Vec<String>,
}

fn feedback(ctx: &Context, _: Raw) -> Result<Seen> {
    let violations = ctx.feedback();
    let count = violations.len();
    let (pointers, keywords) = violations.into_iter().map(|v| (v.pointer, v.keyword)).unzip();
    Ok(Seen { count, pointers, keywords })
}

#[derive(Deserialize, JsonSchema)]
struct Question {
    capability: String,
    method: String,
    payload: Raw,
}

#[derive(Serialize, JsonSchema)]
struct Answer {
    answer: Raw,
}

fn ask(ctx: &Context, q: Question) -> Result<Answer> {
    Ok(Answer { answer: ctx.call(&q.capability, &q.method, &q.payload)? })
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Lines {
    lines: u32,
}

fn log(ctx: &Context, n: Lines) -> Result<Lines> {
    for i in 0..n.lines {
        chainrun::info!(ctx, "line {i}"; i = i);
    }
    Ok(n)
}

/// What Rust's test asks for beside the six.
fn panic(_: &Context, document: Raw) -> Result<Raw> {
    panic!("ouch: {document}")
}

static PREPARED: OnceLock<Vec<u32>> = OnceLock::new();

fn prepare() {
    PREPARED.get_or_init(|| (0..1000).map(|n| n * n).collect());
}

/// A square from the table that was made when the module was loaded.
fn prepared(_: &Context, n: usize) -> Result<Option<u32>> {
    println!("looking up {n}");
    Ok(PREPARED.get().and_then(|squares| squares.get(n)).copied())
}
