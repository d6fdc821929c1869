// Package stepper decides what happens in a run. It is the only place that
// does: which node runs next and on what, what is tried again and when, where a
// failure goes, when the run is over and what it gives.
//
// A [Machine] is a pure function of events. It reads no clock (time comes in on
// the event), no randomness (everything random is a hash of the run's seed) and
// no map order; it starts no goroutine. The same events give the same machine
// and the same [Command]s, today and in ten years, so a journal of events is
// all that has to be kept.
//
// # How a run moves
//
// A graph is a scope, and so is each of its loops. A scope is entered, and then
// goes through turns (the graph through one). A turn is a token that holds
// which edges have been decided and how many of its units, the nodes and inner
// loops directly in it, are still live. Five things happen to it:
//
//   - settle: an edge is decided, taken or not. It goes to the unit it leads to,
//     with the state of its source, or is held by the turn when it leads back or
//     out.
//   - start: all edges to a unit are decided and one was taken: a step begins,
//     or the first turn of an inner loop.
//   - skip: all are decided and none was taken: the unit's own edges are decided
//     as not taken.
//   - close: a unit is through; it lives no longer.
//   - rest: no unit lives. If an edge back was taken the next turn begins, else
//     the edges out are decided in the scope around it and the loop is closed
//     there. When the graph's own turn rests, the run is done.
//
// # What is inside a step
//
// The run's graph is a frame: its scopes, its state, its limits. A step of a node
// that runs another graph has a frame of its own inside; a foreach has elements,
// which are steps with places in it. Both are areas: what comes to an end as a
// whole, at once or as if steps ran one at a time. An element inside of which there
// are only waits, and steps before their next attempt, gives its place back; what
// becomes due inside is held until it has one again. When all that is inside is
// through, the step is: StepSucceeded, or StepFailed, says so. A step that waits has
// an attempt like others, which nobody is asked to carry out: its signal is what the
// attempt gives.
//
// Ids and places say where a step is: "sub#3/score[2]" stands, in canonical order,
// below the fourth element of "sub". One list of what is due, one of what is under
// way, serve all frames.
//
// # What calls use up
//
// An attempt under way may call capabilities; each answer is a fact. It routes
// nothing. What it used up counts for the limits of the step's grants, see Used, and
// for the budgets of the graphs that the step is inside of: beyond one of them the
// whole run stops at once.
//
// # Forks
//
// A run may begin as a fork of another (event.Forked), which changes what one step is
// given, or the state before it. It is all in the first event: the same events still
// give the same machine. [CheckFork] says beforehand whether a graph has the step and
// the keys; that the step never begins is no fault.
//
//   - The input is given to the step in place of what its node's input expression would
//     make, which is not evaluated; it has to hold to the node's schemas like any. Where
//     the author binds none it is the default input, which writes and conditions see,
//     too. A foreach as a whole is given its list, an element its document.
//   - The state is that of the graph that the step is directly in; an element has none of
//     its own. A key is set, not reduced: in canonical order the value stands just before
//     the step, above its initial value and every update that is earlier, on whatever way
//     and however late that comes; the step's own writes, and later ones, are reduced on
//     top. Only what comes after the step sees it, along all of its edges; also where the
//     step fails.
//
// What the fork takes over from the other run comes as outcomes with an origin. Such a
// failure stands for all attempts there and is final: it is routed at once, as the
// failure of the last attempt there. What is found in the cache is not taken over: it
// makes no difference to a run whether a node was called. A step that waits may be
// ended by what is taken over, without a signal.
//
// # What is known of a step
//
// [Machine.Describe] says where a step came from, what it is given, its state before
// and after: of steps under way and of those that the last event ended. It is worked out
// when asked for.
//
// # Facts and decisions
//
// Every decision shows up as the next fact. [Machine.Apply] returns at most one
// [Record]; the driver applies it at once, and so on until none comes back; the
// whole chain is one batch of the journal. What is to be done in the world
// ([Invoke], [Wake], [Abort]) comes out on the way; package driver says what of it has to
// wait until the batch is durable.
package stepper
