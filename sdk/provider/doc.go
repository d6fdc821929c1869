// Package provider makes a program a provider: a capability in a process of its
// own, which chainrun starts and asks over gRPC.
//
// Whatever is a [capability.Capability] can be served, so the same Go code can be
// registered with a host (host.WithCapability) or be shipped as a program:
//
//	func main() { provider.Serve(capability.New(...)) }
//
// What the program was given in the graph, the table config of
// [capabilities.NAME], goes to its Configure, if it has one, with the values of
// secrets in it; Describe says by its Config schema what may stand there. The
// capability that comes back is kept for the calls that follow with the same
// table, and closed (io.Closer) when it has long not been asked or the program
// ends. Methods and schemas are those of the value given to Serve.
//
// A capability.Opener cannot be served: what it would write together with a
// step's success cannot leave the process.
//
// Other languages need nothing of this: see docs/providers.md.
package provider
