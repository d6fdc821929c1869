// Package expr evaluates the expressions of a graph: CEL over JSON documents.
//
// An [Env] knows the variables that an expression may name, [Env.Compile] makes
// a [Program] of a source, and [Program.Eval] and [Program.Holds] work it out
// over documents.
//
// # What is CEL and what is this package's
//
// cel-go parses, expands macros, checks types and writes normal forms. The
// evaluation is this package's own, for three reasons:
//
//   - Numbers. JSON has one kind of number, CEL three that do not mix. In
//     cel-go the literal 2, the result of size(x) and an index are of other
//     kinds than a number from a document; overloads for all mixtures, or
//     literals made doubles, only move the seam. Here the checker is given a
//     language that has no other number: all literals are of one type before
//     they are checked, and all functions are declared over it.
//   - Limits. Every node, element and byte is paid for before it is worked on
//     or allocated, and the context is looked at every 2048 units.
//   - Speed. A document's decoded value is used as it is, without adapting it.
//     output.total > 1000 takes a tenth of a microsecond.
//
// # Numbers
//
// There is one kind of number: 3, 3.0 and 3e0 are the same everywhere, in
// comparisons, nested in lists and objects, as an index. int, uint and double
// name the same type; int(x) cuts off a fraction, double(x) changes nothing.
//
// Whole numbers are exact, up to 309 digits. Everything else is a double: what
// a document says beyond a double's precision counts as the nearest one. / is
// the real quotient (7 / 2 is 3.5) and % the remainder of whole numbers, with
// the sign of the dividend. Division by zero and results beyond the doubles are
// errors, so NaN and the infinities do not exist.
//
// A whole result is written without a fraction. What is passed on unchanged is
// passed on as it is written: input.id of 12345678901234567890, 1.50 or 1e400
// stays what it is. A number beyond the doubles can be passed on, but not
// counted or compared with.
//
// # Language
//
// CEL with optional syntax (x.?y, x[?i], {?k: v}), has, all, exists,
// exists_one, map, filter, their forms with two variables, transformList,
// transformMap, transformMapEntry, cel.bind, optMap, optFlatMap, sortBy, and the
// functions in the tables of this package: strings, lists, sets, math.
// Differences from CEL: the sides of ?: may differ in type; objects have only
// strings as keys, and are gone over in the order of their keys; timestamps have
// no named time zones, since their rules differ between machines; there is no
// now, no randomness, and no protocol buffer.
//
// A missing key is an error. has(x.y) and x.?y are false and absent also where x
// is no object. && and || absorb an error of one side where the other decides.
//
// # Limits
//
// [MaxLength], [MaxNesting], [MaxLoops], [MaxCost], [MaxBytes].
package expr
