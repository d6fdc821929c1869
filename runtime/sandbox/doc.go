// Package sandbox runs one call of one WebAssembly module under limits.
//
// An [Engine] compiles modules, a [Program] is one compiled module, and
// [Program.Call] is one attempt: it starts from the module's fresh state, can
// reach nothing but what the [Call] brings with it, and ends within its
// [Limits] with an output or with a [Stop] that says why there is none.
//
// The package is the only one that knows wazero. Fuel, call depth and
// interruption come from runtime/meter, which rewrites a module so that it
// calls back when a slice of fuel is used up; that callback looks at the fuel
// left, the clock and the context.
//
// What a guest sees of the world is a function of the Call: the clock starts
// at Call.Time and advances by 1 µs a reading and by the length of each sleep,
// randomness comes from Call.Seed, memory grows until its cap and no further.
// The same Call therefore gives the same Result, fuel included, on every
// machine, except where the wall clock or the context ended it.
package sandbox
