// Package meter rewrites a WebAssembly module so that it counts what it executes, asks the host for more in slices, and
// bounds how deep it calls. The engine needs no support for any of it.
//
// [Rewrite] is the entrance; [Metered] is the rewritten module and how the host speaks to it.
//
// # The fuel rule, version 1
//
// Fuel is Wasmtime's count of executed operators, plus the length of bulk operations:
//
//   - Entering a function costs 1.
//   - Each executed instruction costs 1, except nop, drop, block, loop, unreachable, return, else and end, which are free.
//     So if, br, br_if, br_table, every call, and every access to a local cost 1 each.
//   - memory.copy, memory.fill and memory.init cost 1 more for each full 64 bytes of their length; table.copy, table.fill,
//     table.init and a successful table.grow 1 more for each full 8 elements; a successful memory.grow 1024 more for each
//     page. These units are also summed in the global [Metered.BulkExport].
//
// Why Wasmtime's: it is public, easy to explain, and gives an oracle. Fuel less the bulk units equals what Wasmtime counts,
// exactly. Why lengths then, which Wasmtime's rule ignores: a single memory.fill can write 4 GiB. If it cost 1, fuel would
// bound neither work nor the time until the next look at the clock. 64 bytes moved take about as long as one to four
// instructions, and a module that only moves small things is charged like Wasmtime.
//
// Fuel is exact whenever control leaves a function: at each call, host calls included, at an explicit unreachable, and on
// return. After any other trap it is what was known at the last of those places, or at the last yield; so it depends on the
// size of the slices, which a host must keep constant for numbers that it compares.
//
// # How it counts
//
//   - The fuel left is a mutable i64 global. A function loads it into a local on entry, stores it before each call, loads
//     it again after, and stores it when it returns; returns become branches to one place that stores. Charging is then
//     work on a register. Leaf functions without loops, with few branches, charge the global itself.
//   - Globals, locals and types are appended behind the module's own, so that their indices stay. Functions cannot be:
//     the import that reaches the host comes before all defined functions, whose indices move up by one everywhere.
//   - Code is cut into slots (see flow.go): a charge at one place pays for everything that runs exactly as often. It never
//     reaches over a call, which might not return.
//   - Whether the slice is used up is looked at in functions that make calls, when they are entered, at the head of each
//     loop (unless each turn calls a function that looks itself), and after bulk operations. Every endless execution
//     passes one of them, and so does a tree of calls that is exponential in the size of the program. All of it goes
//     through one function that calls the host.
//   - A loop becomes two, one around the other. The inner one runs; when the slice is used up, it leaves to the head of
//     the outer one, which calls the host and goes in again. A call inside of the hot loop, however cold, would make the
//     engine's register allocator keep every variable of the loop in memory. A loop that makes calls anyhow stays one, and
//     a loop that nothing goes back to becomes a block.
//   - A loop that is reached by plain branches which cost the same charges that cost at its head, for all of them: Go
//     compiles every jump to such a branch.
//   - Comparisons are written as if-else with the likely side first, and backward br_if as if and br, the forward ones
//     before a function's first loop too: wazero's compiler fuses a comparison with a jump only where no critical edge is
//     in between, and takes the register state after a join from the side that comes first. That makes some loops faster
//     than they were.
//   - Call depth is a mutable i32 global, taken down before and up after calls that close a cycle of the call graph, and
//     all indirect ones (see callgraph.go).
//
// # What is checked first
//
// An invalid module that uses an index one beyond the last, or a label outside of its function, would become valid by what
// is appended, and could refill its own fuel. So every such index is checked against the spaces as they were, before
// anything is written: outside of bodies by module.Read, inside by the scanner here. Everything else that makes a module
// invalid stays invalid, because nothing that is inserted touches the operand stack.
//
// Refused are: exception handling (miscompiled by the engine's current release), threads and atomics, relaxed SIMD (results
// differ between machines), 64-bit and multiple memories, typed references and garbage collection. NaN bits are left as the
// engine makes them; they differ between engines and architectures.
package meter
