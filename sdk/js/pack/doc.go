// Package pack makes a node of a JavaScript or TypeScript file, without a
// toolchain: the file is bundled by esbuild, evaluated once by a JavaScript
// engine that is itself a WebAssembly module ([Engine]) in the sandbox, and the
// engine's memory and globals of that moment are written into a new module. A
// packed node starts by copying that memory; nothing is parsed or evaluated in
// an attempt.
//
// [Pack] is the whole of it. The same sources give the same bytes, on every
// machine. What a script does while it is packed is bounded like an attempt:
// fuel, memory, time, a fixed clock and fixed randomness, no files, no network.
package pack
