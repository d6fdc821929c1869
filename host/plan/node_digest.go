package plan

// What decides an attempt of one node.

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/runtime/meter"
)

// nodeVersion changes whenever the meaning of a node's digest does.
const nodeVersion = 1

// NodeDigest is over what decides the outcome of an attempt, beside the document, the
// seed and the time that it is given: the module's bytes, entry, encoding, config,
// schemas, limits and grants, with the settings of the capabilities that are granted.
// How the node stands in its graph is no part of it: its name and edges, what it is
// given and writes, how often it is tried. So a step of one plan may take over what
// came of a step of another one where the digests of their nodes are equal.
//
// Two steps that wait are equal if their answers are held to the same schemas. A
// node that runs another graph has no attempts, and "" as its digest: the nodes in
// there have theirs, in the plan Sub.
func (p *Plan) NodeDigest(n *Node) string {
	if n.Sub != nil {
		return ""
	}
	var in, out []document.Document
	for _, s := range n.InSchemas {
		in = append(in, schemaDigest(s))
	}
	for _, s := range n.OutSchemas {
		out = append(out, schemaDigest(s))
	}
	pairs := []any{
		"chainrun_node", number(nodeVersion), "kind", document.String(string(n.Kind)),
		"input_schemas", document.Array(in...), "output_schemas", document.Array(out...),
	}
	if n.Linked == nil {
		return object(pairs...).Digest()
	}
	if n.Cache { // it decides clock and seed
		pairs = append(pairs, "cache", boolean(true))
	}
	return object(append(pairs,
		"fuel_rule", number(meter.Version), "module", document.String(n.Linked.Digest),
		"entry", document.String(n.Entry), "encoding", document.String(string(n.Encoding)),
		"config", present(n.Config),
		"fuel", document.String(strconv.FormatUint(n.Fuel, 10)),
		"memory", document.String(strconv.FormatUint(n.MemoryBytes, 10)),
		"timeout", duration(n.Timeout), "cache", boolean(n.Cache),
		"grants", describeGrants(n.Granted, map[*Grant]document.Document{}),
		"capabilities", p.describeSettings(n.Granted),
	)...).Digest()
}

// describeSettings gives the settings of the capabilities that a node is granted.
func (p *Plan) describeSettings(granted []*Grant) document.Document {
	var settings []document.Document
	for _, s := range p.Graph.Capabilities {
		if slices.ContainsFunc(granted, func(g *Grant) bool { return g.Capability == s.Name }) {
			settings = append(settings, object("name", document.String(s.Name), "kind", document.String(s.Kind), "settings", s.Value))
		}
	}
	slices.SortFunc(settings, func(a, b document.Document) int { return bytes.Compare(a.Canonical(), b.Canonical()) })
	return document.Array(settings...)
}
