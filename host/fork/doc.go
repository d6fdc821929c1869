// Package fork decides what a run takes over from the run that it is a fork of, and
// what it executes anew.
//
// [Recall] reads the [Past]: what came of the steps of the other run. [Past.Check]
// holds what somebody asks for against it, and against the graph of the new run.
// [Past.TakeOver] makes the [TakeOver] that stands between the new run's driver and its
// invoker: it gives a step what came of it in the other run where nothing that could
// have reached the step is executed anew. [Files] are those of a graph, in which a fork
// may give nodes another config.
//
// Nothing here reads a clock, executes a node or records an event: package host puts
// it together.
package fork
