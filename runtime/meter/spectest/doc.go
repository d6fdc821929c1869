// Package spectest holds no code but a test: the official WebAssembly spec
// tests, run through the meter.
//
// The scripts and modules are those that wazero carries as data in its own
// module. Every module is run as it came and rewritten by the meter, each under
// wazero's compiler and its interpreter. The run of the modules as they came
// shows that the runner is right; the rewritten ones must answer the same, use
// the same fuel under both engines, and stay refused where they were invalid.
package spectest
