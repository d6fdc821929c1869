// Package module reads one .wasm file: its sections, its imports and exports, which way into a node it offers, what it
// says of itself, and its digest.
//
// [Read] is the entrance. A [Module] answers the rest: [Module.ABI] says how the host may call it, or why it cannot;
// [Module.Entries] which entries a graph may name; [Module.Manifest] what the author wrote about it. [WithManifest]
// writes that section.
//
// Files come from strangers. Everything here is total: no input makes it panic, no count is believed before the bytes
// behind it are there, and memory stays linear in the size of the file. Function bodies are not looked into; that is
// the work of runtime/meter and of the engine.
package module
