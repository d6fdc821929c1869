// Package conformance holds the tests that every SDK must pass: nodes written
// with it are built by their own toolchain and called through the ABI of
// docs/abi.md. It has no code of its own.
package conformance
