package plan

// What a graph asks of the world, held against what the host offers: the
// settings of its capabilities and the grants of its nodes.

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// world is what the grants of one graph are linked to.
type world struct {
	*linker
	graph    *graph.Graph
	settings map[string]*graph.Settings
	offers   Offers                  // what the graph's grants can name; nil: refused, and said so
	linked   map[*graph.Grant]*Grant // nil: refused, and said so; those of [defaults] are shared
	granted  map[string]bool         // names that a node is granted
	secrets  map[string]bool         // names that something refers to
}

// world looks up what a graph sets of capabilities.
func (l *linker) world(g *graph.Graph) *world {
	w := &world{
		linker: l, graph: g, settings: map[string]*graph.Settings{}, offers: maps.Clone(l.offers),
		linked: map[*graph.Grant]*Grant{}, granted: map[string]bool{}, secrets: map[string]bool{},
	}
	if w.offers == nil {
		w.offers = Offers{}
	}
	for _, n := range g.Nodes {
		for _, grant := range n.Grants {
			w.granted[grant.Capability] = true
		}
	}
	for _, s := range g.Capabilities {
		w.settings[s.Name] = s
		if l.recorded {
			w.offers[s.Name] = w.recallConfigured(s)
		} else {
			w.offers[s.Name] = w.configure(s)
		}
		if !w.granted[s.Name] {
			w.warn(s.At, CodeUnusedCapability, fmt.Sprintf("capabilities.%s is granted to no node", s.Name),
				fmt.Sprintf("grant it: [nodes.NODE.grants.%s], or remove it", tomlKey(s.Name)))
		}
	}
	return w
}

func (w *world) refuse(at graph.Position, code, text, hint string) {
	w.report(graph.Error, w.file(at), code, text, hint)
}

func (w *world) warn(at graph.Position, code, text, hint string) {
	w.report(graph.Warning, w.file(at), code, text, hint)
}

// file names the graph's own file where a graph was built by hand.
func (w *world) file(at graph.Position) graph.Position {
	if at.File == "" {
		at.File = w.graph.File
	}
	return at
}

// configure gives the capability that a graph has with its settings; nil after a
// complaint.
func (w *world) configure(s *graph.Settings) *capability.Offer {
	owner := "capabilities." + s.Name
	base := w.linker.offers[s.Kind]
	if base == nil {
		names := slices.Sorted(maps.Keys(w.linker.offers))
		what, hint := owner+".kind: ", w.near(s.Kind, names, "it offers")
		if s.Kind == s.Name && s.KindAt == s.At {
			what = owner + ": "
			if graph.Nearest(s.Kind, names) == "" && len(names) > 0 {
				hint = "kind says which capability it is that has this name: one of " + listed(names)
			}
		}
		w.refuse(s.KindAt, CodeUnknownCapability, fmt.Sprintf("%sthe host does not offer the capability %q", what, s.Kind), hint)
		return nil
	}
	configurable, ok := base.Capability.(capability.Configurable)
	if !ok {
		for _, f := range s.Value.Fields() {
			w.refuse(s.Keys.Find("/"+pointerToken.Replace(f.Key), s.At), CodeInvalidSettings,
				fmt.Sprintf("%s.%s: the capability %q takes no settings", owner, f.Key, s.Kind), "remove it; what a node may do stands in its grant")
		}
		if len(s.Value.Fields()) > 0 {
			return nil
		}
		return base
	}
	before := len(w.diagnostics)
	known := w.keysOf(base.Description.Config)
	w.unknown(s.Value, known, nil, s.Keys, s.At, owner)
	settings := known.of(s.Value)
	if base.Config != nil {
		w.violations(base.Config.Validate(settings), s.Places, s.At, CodeInvalidSettings, owner)
	}
	w.references(settings, s.Places, s.At, owner, w.granted[s.Name])
	if w.diagnostics[before:].Failed() {
		return nil
	}
	if !w.granted[s.Name] {
		return base // nobody asks it; a provider need not be started for that
	}
	made, err := configurable.Configure(s.Name, settings)
	if err == nil && made == nil {
		err = errors.New("the capability cannot be made, and does not say why")
	}
	if problems, ok := errors.AsType[capability.Problems](err); ok && len(problems) > 0 {
		w.problems(problems, s.Places, s.At, CodeInvalidSettings, owner)
		return nil
	}
	if err != nil {
		w.refuse(s.At, CodeInvalidSettings, fmt.Sprintf("%s: %v", owner, err), "")
		return nil
	}
	offer, err := capability.NewOffer(s.Name, made)
	if err != nil {
		w.refuse(s.At, CodeInvalidSettings, fmt.Sprintf("%s: %v", owner, err), "the capability itself is at fault: tell its author")
		return nil
	}
	return offer
}

// grants links the grants of a node.
func (w *world) grants(n *graph.Node) []*Grant {
	var list []*Grant
	for _, g := range n.Grants {
		linked, ok := w.linked[g]
		if !ok {
			owner := fmt.Sprintf("node %q: grants.%s", n.Name, g.Capability)
			if g.Inherited {
				owner = "defaults: grants." + g.Capability
			}
			linked = w.grant(g, owner)
			w.linked[g] = linked
		}
		if linked != nil {
			list = append(list, linked)
		}
	}
	return list
}

// grant links one grant; nil after a complaint.
func (w *world) grant(g *graph.Grant, owner string) *Grant {
	if w.recorded {
		return w.recallGrant(g, owner)
	}
	offer, ok := w.offers[g.Capability]
	if !ok {
		w.refuse(g.At, CodeUnknownCapability, fmt.Sprintf("%s: the host does not offer the capability %q", owner, g.Capability), w.nearOffer(g.Capability))
		return nil
	}
	if offer == nil {
		return nil
	}
	before := len(w.diagnostics)
	known := w.keysOf(offer.Description.Grant)
	limits, faults := graph.ReadLimits(g.Terms, known.has)
	for _, f := range faults {
		w.refuse(g.Places.Find(f.Pointer, g.At), f.Code, owner+"."+f.Text, f.Hint)
	}
	for i, name := range limits.Methods {
		if offer.Method(name) == nil {
			w.refuse(g.Places.Find(fmt.Sprintf("/methods/%d", i), g.At), CodeUnknownMethod,
				fmt.Sprintf("%s.methods[%d]: the capability has no method %q", owner, i, name), w.near(name, methods(offer), "it has"))
		}
	}
	w.unknown(g.Terms, known, graph.LimitKeys(), g.Keys, g.At, owner)
	own := known.of(g.Terms, graph.LimitKeys()...)
	valid := true
	if offer.Grant != nil {
		found := offer.Grant.Validate(own)
		w.violations(found, g.Places, g.At, CodeInvalidGrant, owner)
		valid = len(found) == 0
	}
	w.references(own, g.Places, g.At, owner, true)
	if c, ok := offer.Capability.(capability.GrantChecker); ok && valid {
		w.problems(c.CheckGrant(own), g.Places, g.At, CodeInvalidGrant, owner)
	}
	if w.diagnostics[before:].Failed() {
		return nil
	}
	linked := *g
	linked.Limits = limits
	return &Grant{Grant: &linked, Offer: offer, Own: own}
}

// violations are complaints about values in a table.
func (w *world) violations(found []failure.Violation, places graph.Positions, table graph.Position, code, owner string) {
	for _, v := range found {
		text := fmt.Sprintf("%s: %s, found %s", within(owner, v.Pointer), v.Message, v.Found)
		if v.Found == "" {
			text = fmt.Sprintf("%s: %s", within(owner, v.Pointer), v.Message)
		}
		w.refuse(places.Find(v.Pointer, table), code, text, "")
	}
}

func (w *world) problems(found capability.Problems, places graph.Positions, table graph.Position, code, owner string) {
	for _, p := range found {
		w.refuse(places.Find(p.Pointer, table), code, within(owner, p.Pointer)+": "+p.Text, p.Hint)
	}
}

// unknown complains about the keys that nobody knows.
func (w *world) unknown(table document.Document, known *keys, common []string, at graph.Positions, otherwise graph.Position, owner string) {
	for _, f := range table.Fields() {
		if slices.Contains(common, f.Key) || known.take(f.Key) {
			continue
		}
		names := slices.Concat(known.names, common)
		hint := "there is nothing to set"
		if len(names) > 0 {
			hint = w.near(f.Key, names, "known keys:")
		}
		w.refuse(at.Find("/"+pointerToken.Replace(f.Key), otherwise), graph.CodeUnknownKey, fmt.Sprintf("%s.%s: no such key", owner, f.Key), hint)
	}
}

// nearOffer says which capability was probably meant, or which there are.
func (w *world) nearOffer(name string) string {
	names := slices.Sorted(maps.Keys(w.linker.offers))
	for _, s := range w.graph.Capabilities {
		if !slices.Contains(names, s.Name) && s.Name != name {
			names = append(names, s.Name)
		}
	}
	return w.near(name, names, "it offers")
}

// maxSearches bounds how often the nearest name is looked for.
const maxSearches = 100

func (w *world) near(name string, names []string, otherwise string) string {
	if w.searches++; w.searches > maxSearches {
		return otherwise + " " + listed(names)
	}
	return near(name, names, otherwise)
}
