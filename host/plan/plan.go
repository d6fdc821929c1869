// Package plan links a graph to the exact modules and schemas that a run of it
// uses. A [Plan] has a digest over contents, never over paths or names of
// files, so that two plans with equal digests do the same.
package plan

import (
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
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
	// Secrets are those that a setting or a grant of this graph refers to, in
	// the order of the file. A graph inside has its own.
	Secrets []*graph.Secret
}

// Node is a node of the graph with what it was linked to.
type Node struct {
	*graph.Node
	// Entry is the one of the module that is called: the author's, or the one that
	// a reference such as std:jq is to; "" is the default entry.
	Entry string
	// Linked is the node's module; nil where it has none: a subgraph, a wait.
	Linked   *module.Module
	ABI      module.ABI
	Manifest *module.Manifest // nil where the module has none
	// InSchemas and OutSchemas must all hold: the author's first, then the
	// module's own.
	InSchemas, OutSchemas []*schema.Schema
	// Granted are the node's grants, by name of the capability; none for a
	// command, which cannot ask.
	Granted []*Grant
	// Sub is the plan of the graph that the node runs; nil where it runs none.
	Sub *Plan
}

// Grant is a grant with the capability that it is of.
type Grant struct {
	*graph.Grant
	Offer *capability.Offer
	// Own are the terms that are the capability's own, an object.
	Own document.Document
}

// Grant looks up what the node is granted of a capability; nil: nothing.
func (n *Node) Grant(capability string) *Grant {
	for _, g := range n.Granted {
		if g.Capability == capability {
			return g
		}
	}
	return nil
}

// Offers are the capabilities that a host offers, by name.
type Offers map[string]*capability.Offer

// Step finds the node of a step by the step's id: "score[2]#17", or, inside
// subgraphs, "sub/score". nil where there is none.
func (p *Plan) Step(id string) *Node {
	for {
		head, rest, inside := strings.Cut(id, "/")
		if end := strings.IndexAny(head, "[#"); end >= 0 {
			head = head[:end]
		}
		n := p.Node(head)
		if n == nil || !inside {
			return n
		}
		if p, id = n.Sub, rest; p == nil {
			return nil
		}
	}
}

// All gives every plan once: p and those inside it.
func (p *Plan) All() []*Plan {
	all := []*Plan{p}
	for i := 0; i < len(all); i++ {
		for _, n := range all[i].Nodes {
			if n.Sub != nil && !slices.Contains(all, n.Sub) {
				all = append(all, n.Sub)
			}
		}
	}
	return all
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
// author wrote them: a path relative to the graph's folder, or a reference with a
// scheme, std:jq, see [SplitReference]. An error that wraps fs.ErrNotExist says
// that there is no such file; a [*ReferenceError] says it all.
type Reader func(name string) ([]byte, error)
