package plan

// What a module says that it needs, held against what its node is granted.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module"
)

// capabilities complains about what a module needs and its node is not granted,
// and warns of what the node is granted for nothing.
func (v *prover) capabilities(n *Node) {
	needed := needs(n)
	for _, need := range needed {
		if name, _, _ := strings.Cut(need, "."); name != graph.HostCapability && !v.answered {
			v.need(n, need)
		}
	}
	for _, g := range n.Grants {
		if g.Inherited {
			continue // one grant for many nodes
		}
		owner := fmt.Sprintf("node %q: grants.%s", n.Name, g.Capability)
		switch {
		case n.ABI == module.ABICommand:
			v.complain(graph.Warning, g.At, CodeSuperfluousGrant,
				fmt.Sprintf("%s: %q is a command, and a command cannot ask for capabilities", owner, n.Module), "build the node as a reactor, or remove the grant")
		case n.ABI == module.ABIExtism && !n.asks(g.Capability):
			v.complain(graph.Warning, g.At, CodeSuperfluousGrant,
				fmt.Sprintf("%s: %q is an Extism plug-in that cannot ask for it", owner, n.Module), "remove the grant; a plug-in that imports http_request asks for fetch")
		case len(needed) > 0 && !slices.ContainsFunc(needed, func(need string) bool {
			name, _, _ := strings.Cut(need, ".")
			return name == g.Capability
		}):
			v.complain(graph.Warning, g.At, CodeSuperfluousGrant,
				fmt.Sprintf("%s: %q does not ask for it; its manifest lists %s", owner, n.Module, strings.Join(needed, ", ")), "remove the grant")
		}
	}
}

// need looks at one capability of a manifest: "llm", or one method of it,
// "llm.chat".
func (v *prover) need(n *Node, need string) {
	name, method, _ := strings.Cut(need, ".")
	at := keyOf(n.Node, "module")
	missing := func(text, hint string) {
		v.complain(graph.Error, at, CodeMissingGrant, fmt.Sprintf("node %q: module: %q needs the capability %q, %s", n.Name, n.Module, need, text), hint)
	}
	g := n.Grant(name)
	switch {
	case n.ABI == module.ABICommand:
		missing("but is a command, which cannot ask for any", "build it as a reactor")
	case n.ABI == module.ABIExtism && !n.asks(name):
		missing("but is an Extism plug-in that cannot ask for it", "correct its manifest: a plug-in that imports http_request can ask for fetch, and no other for anything")
	case g == nil && v.offer(name) == nil:
		missing("which is not granted to the node, and which this host does not offer",
			"run the graph with a host that offers it, and write "+n.GrantLines(name, nil))
	case g == nil:
		hint := "write " + n.GrantLines(name, v.offer(name))
		if slices.ContainsFunc(n.Granted, func(g *Grant) bool { return g.Inherited }) {
			hint += "; with grants of its own the node has none of [defaults]"
		}
		missing("which is not granted to the node", hint)
	case method == "":
	case g.Offer.Method(method) == nil:
		missing(fmt.Sprintf("and %q has no method %q", name, method), near(method, methods(g.Offer), "it has"))
	case len(g.Limits.Methods) > 0 && !slices.Contains(g.Limits.Methods, method):
		at = g.Places.Find("/methods", g.At)
		missing("but the grant does not allow the method", "write methods = "+list(append(slices.Clone(g.Limits.Methods), method)))
	}
}

// offer is what a grant of the graph would be linked to; nil: nothing.
func (v *prover) offer(name string) *capability.Offer {
	for _, s := range v.plan.Graph.Capabilities {
		if s.Name == name {
			return v.offers[s.Kind]
		}
	}
	return v.offers[name]
}

// GrantLines are the lines of the graph file that grant a capability to the node,
// on one line for a message. What of them is the author's choice is "…". offer may
// be nil: nothing is known of the capability.
func (n *Node) GrantLines(name string, offer *capability.Offer) string {
	line := fmt.Sprintf("[nodes.%s.grants.%s]", tomlKey(n.Name), tomlKey(name))
	if offer == nil || offer.Grant == nil {
		return line
	}
	var must []string
	for _, f := range offer.Grant.Source().Fields() {
		if f.Key != "required" {
			continue
		}
		for key := range f.Value.All() {
			if s, ok := text(key); ok {
				must = append(must, tomlKey(s)+" = …")
			}
		}
	}
	if len(must) > 0 {
		line += " with " + strings.Join(must, ", ")
	}
	return line
}

// text gives a string document's characters.
func text(d document.Document) (string, bool) {
	if d.IsZero() {
		return "", false
	}
	v, err := d.Value()
	s, ok := v.(string)
	return s, ok && err == nil
}

// list writes strings as a TOML array.
func list(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
