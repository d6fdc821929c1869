package graph

import "github.com/chainrun/chainrun/host/schema"

// Draft is [Build], but lets pass what this version refuses only because it is
// not supported yet. It is for tests of the engine, which grows into the
// language before Build does; what Build accepts, it accepts alike.
func Draft(src *Source, load schema.Loader) (*Graph, Diagnostics) {
	b := newBuilder(src, load)
	b.build()
	for _, d := range b.found {
		if d.Severity == Error && d.Code != CodeNotSupportedYet {
			return nil, b.found
		}
	}
	return b.graph, b.found
}
