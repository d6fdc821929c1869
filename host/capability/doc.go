// Package capability is what a node may ask of the world: the contract between
// the host and whatever answers a node's calls.
//
// A node itself can do nothing. It names a [Capability], one of its methods and
// a request; the host looks whether the graph granted that to the node, checks
// the request against the method's schema, calls the capability, checks the
// answer, records both, and only then lets the node see the answer.
//
// A [Capability] says what it offers ([Description]) and answers calls. What
// more it can do it says by further interfaces: [Configurable] takes settings
// from [capabilities.NAME] of a graph, [GrantChecker] checks what a graph grants
// beyond the schema, [Opener] keeps something for the length of an attempt, and
// io.Closer is closed with the host. Most need none of these: [New] makes a
// capability of Go functions, with the schemas of their types.
//
// The life of a capability:
//
//  1. an embedder registers it under a name (host.WithCapability); Describe is
//     asked and its schemas are compiled;
//  2. a graph is loaded: where it has a table [capabilities.NAME], Configure
//     makes the one that this graph uses; each [nodes.N.grants.NAME] is held
//     against the description's Grant schema, then given to CheckGrant;
//  3. nodes run: Call, from many goroutines at once; or, of an Opener, one
//     Session for each attempt that asks anything;
//  4. the host is closed: Close, of what was registered. What Configure made
//     belongs to its maker and holds nothing that outlives it.
//
// The packages below are capabilities: fetch, kv, llm. Package secret holds what
// none of them may let a node see; package capabilitytest has the tests that each
// must pass.
package capability
