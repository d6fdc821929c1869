package plan

// What is special about a node that is an Extism plug-in.

import (
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module"
)

// extismCapability is what a plug-in's HTTP requests ask; it has no other way out.
const extismCapability = "fetch"

// asks reports whether a node's module has a way to call a capability. Where it
// has none a grant changes nothing, and the node is pure.
func (n *Node) asks(capability string) bool {
	switch n.ABI {
	case module.ABICommand:
		return false
	case module.ABIExtism:
		return capability == extismCapability && slices.ContainsFunc(n.Linked.Imports, func(i module.Import) bool {
			name, ok := module.ExtismFunction(i)
			return ok && name == "http_request"
		})
	case module.ABIReactor:
	}
	return true
}

// onlyEntry is what the entry of a plug-in means where the author names none: its
// one exported function, start-up aside.
func onlyEntry(m *module.Module) string {
	entries := slices.DeleteFunc(m.Entries(), func(name string) bool { return name == module.ExportStart })
	switch len(entries) {
	case 0:
		return module.ExportStart
	case 1:
		return entries[0]
	}
	return ""
}

// checkSettings holds a plug-in's config against what it can ask for: settings by
// name.
func (l *linker) checkSettings(n *Node) {
	if n.ABI != module.ABIExtism || n.Config.IsZero() || n.Config.Kind() == document.KindObject {
		return
	}
	l.report(graph.Error, n.ConfigPlaces.Find("", keyOf(n.Node, "config")), CodeInvalidConfig,
		fmt.Sprintf("node %q: config: %q is an Extism plug-in, whose config is a table of settings; found %s", n.Name, n.Module, n.Config.Kind()),
		"write config = { name = \"value\" }; values that are no strings are handed over as JSON")
}
