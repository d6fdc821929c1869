//go:build !cgo || !((linux || darwin) && (amd64 || arm64))

// Wasmtime needs cgo and one of the machines that its Go package has a library for.
package main

const wasmtimeMissing = "Wasmtime: built without cgo (CGO_ENABLED=1 and a C compiler; on Debian: apt-get install gcc libc6-dev)"

func newWasmtimeLane(bool) lane { return nil }
