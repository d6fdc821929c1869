// Package plan links a graph to the exact modules and schemas that a run of it
// uses. A [Plan] has a digest over contents, never over paths or names of
// files, so that two plans with equal digests do the same.
package plan

import (
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/module"
)

// MaxModuleBytes is the largest module file that Link reads.
const MaxModuleBytes = 256 << 20

// Plan is a graph linked to its modules and schemas. Read-only and safe for
// concurrent use.
type Plan struct {
	Graph  *graph.Graph
	Nodes  []*Node // by graph.Node.Index
	Digest string  // "sha256:<hex>"
}

// Node is a node of the graph with what it was linked to.
type Node struct {
	*graph.Node
	Linked   *module.Module
	ABI      module.ABI
	Manifest *module.Manifest // nil where the module has none
	// InSchemas and OutSchemas must all hold: the author's first, then the
	// module's own.
	InSchemas, OutSchemas []*schema.Schema
}

// Node looks a linked node up by its name; nil where there is none.
func (p *Plan) Node(name string) *Node {
	n := p.Graph.Node(name)
	if n == nil {
		return nil
	}
	return p.Nodes[n.Index]
}

// Reader gives the bytes of a file that the graph names. Names are as the
// author wrote them, relative to the graph's folder.
type Reader func(name string) ([]byte, error)
