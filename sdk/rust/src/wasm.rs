// The ABI of docs/abi.md from the node's side.

use std::alloc::Layout;
use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::manifest::Manifest;
use crate::run::{self, Outcome};
use crate::{CallError, Context, Host, Level, Result};

#[link(wasm_import_module = "chainrun_v1")]
extern "C" {
    fn call(
        capability: *const u8,
        capability_len: usize,
        method: *const u8,
        method_len: usize,
        payload: *const u8,
        payload_len: usize,
        answer: *mut u8,
        answer_cap: usize,
    ) -> u64;
}

struct Chainrun;

// The room for an answer at the first try: most fit, and a page of 64 KiB is not
// touched for nothing.
const FIRST_ANSWER: usize = 4096;

impl Host for Chainrun {
    fn call(&self, capability: &str, method: &str, payload: &[u8]) -> Result<Vec<u8>, CallError> {
        let mut answer = Vec::with_capacity(FIRST_ANSWER);
        let mut failed = fetch(capability, method, payload, &mut answer);
        if let Err(len) = failed {
            answer = Vec::with_capacity(len);
            failed = fetch("node", "answer", b"", &mut answer);
        }
        match failed {
            Ok(false) => Ok(answer),
            Ok(true) => Err(run::decode(&answer).unwrap_or_else(|err| CallError::local("bad_answer", err))),
            Err(_) => Err(CallError::local("bad_answer", "the answer has grown while it was fetched")),
        }
    }
}

// fetch makes the call and tells whether the answer is a failure, or how much
// room it needs.
fn fetch(capability: &str, method: &str, payload: &[u8], answer: &mut Vec<u8>) -> std::result::Result<bool, usize> {
    let status = unsafe {
        call(
            capability.as_ptr(),
            capability.len(),
            method.as_ptr(),
            method.len(),
            payload.as_ptr(),
            payload.len(),
            answer.as_mut_ptr(),
            answer.capacity(),
        )
    };
    let len = status as u32 as usize;
    if len > answer.capacity() {
        return Err(len);
    }
    unsafe { answer.set_len(len) }; // the host wrote them
    Ok(status >> 32 != 0)
}

/// `_initialize`: a panic's message goes to the log before the trap.
pub fn initialize() {
    std::panic::set_hook(Box::new(|panic| {
        Context::new(Chainrun).log(Level::Error, &panic.to_string(), Default::default());
    }));
}

/// `chainrun_alloc`
pub fn alloc(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size.max(1)) {
        Ok(layout) => unsafe { std::alloc::alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// `chainrun_run_v1`
///
/// # Safety
///
/// `input` must come from [`alloc`] for at least `len` bytes, which are written.
pub unsafe fn run_export<I, O>(input: *mut u8, len: usize, node: impl FnOnce(&Context, I) -> Result<O>) -> u64
where
    I: DeserializeOwned,
    O: Serialize,
{
    let input = unsafe { Vec::from_raw_parts(input, len, len.max(1)) };
    give(run::run(&Context::new(Chainrun), &input, node))
}

/// `chainrun_describe_v1`
pub fn describe_export(manifest: &Manifest) -> u64 {
    give(run::describe(manifest))
}

thread_local! {
    // What the host has been given the address of.
    static GIVEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn give(outcome: Outcome) -> u64 {
    let (doc, failed) = match outcome {
        Ok(doc) => (doc, 0),
        Err(doc) => (doc, 1),
    };
    let result = (doc.as_ptr() as u64) << 32 | failed << 31 | doc.len() as u64;
    GIVEN.replace(doc);
    result
}
