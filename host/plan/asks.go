package plan

// What a plan asks of the world, for a person to agree to before it runs.

import (
	"slices"

	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// Asks is everything that a plan asks of the world, the graphs inside it
// included: nothing else can be reached by a run of it.
type Asks struct {
	Grants  []GrantAsk
	Secrets []SecretAsk
	Budgets []BudgetAsk
}

// Nothing reports whether nothing is asked for.
func (a Asks) Nothing() bool { return len(a.Grants)+len(a.Secrets) == 0 }

// GrantAsk is one grant of one node. A graph that several nodes run is told of
// once.
type GrantAsk struct {
	File       string // the graph's
	Node       string
	Capability string
	// Kind is the name under which the host offers the capability: another one
	// where [capabilities.NAME] says so.
	Kind string
	// Methods are those that may be called; never empty.
	Methods []string
	Limits  graph.Limits
	// Terms are the capability's own: hosts, models, … Settings are those of
	// [capabilities.NAME], absent where there are none: the endpoint, the provider
	// and its checksum, … References to secrets stand in both as they were written.
	Terms, Settings document.Document
	// Secrets are the names of those that the two refer to, in the order of the
	// graph's file.
	Secrets []string
	// Environment are the variables that the capability reads by itself where the
	// graph does not say otherwise.
	Environment []string
}

// SecretAsk is one secret that the host reads. Exactly one of Env and File is set.
type SecretAsk struct {
	File string // the graph's
	Name string
	Env  string // a variable of the environment
	Path string // a file, as it was written: absolute, or relative to the graph's folder
}

// BudgetAsk is what one graph lets a run of it use up.
type BudgetAsk struct {
	File string
	graph.Budget
}

// Asks lists what the plan asks of the world: graphs from the outside in, nodes
// in the order of their file, capabilities by name.
func (p *Plan) Asks() Asks {
	var all Asks
	known := references{}
	seen := map[*graph.Graph]bool{}
	for _, inner := range p.All() {
		g := inner.Graph
		if seen[g] {
			continue
		}
		seen[g] = true
		settings := map[string]*graph.Settings{}
		for _, s := range g.Capabilities {
			settings[s.Name] = s
		}
		for _, n := range inner.Nodes {
			for _, granted := range n.Granted {
				all.Grants = append(all.Grants, inner.grantAsk(n, granted, settings[granted.Capability], known))
			}
		}
		for _, s := range inner.Secrets {
			all.Secrets = append(all.Secrets, SecretAsk{File: g.File, Name: s.Name, Env: s.Env, Path: s.File})
		}
		if g.Budget != nil {
			all.Budgets = append(all.Budgets, BudgetAsk{File: g.File, Budget: *g.Budget})
		}
	}
	return all
}

// references are the names of secrets in documents: those of [defaults] stand at
// many nodes.
type references map[*byte][]string

func (r references) of(d document.Document) []string {
	text := d.Bytes()
	if len(text) == 0 {
		return nil
	}
	names, ok := r[&text[0]]
	if !ok {
		for _, one := range secret.References(d) {
			names = append(names, one.Name)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		r[&text[0]] = names
	}
	return names
}

func (p *Plan) grantAsk(n *Node, g *Grant, s *graph.Settings, known references) GrantAsk {
	ask := GrantAsk{
		File: p.Graph.File, Node: n.Name, Capability: g.Capability, Kind: g.Capability,
		Methods: g.Limits.Methods, Limits: g.Limits, Terms: g.Own,
		Environment: g.Offer.Description.Environment,
	}
	if len(ask.Methods) == 0 {
		ask.Methods = methods(g.Offer)
	}
	own, set := known.of(g.Own), []string(nil)
	if s != nil {
		ask.Kind, ask.Settings = s.Kind, s.Value
		set = known.of(s.Value)
	}
	if len(own)+len(set) == 0 {
		return ask
	}
	refers := func(list []string, name string) bool {
		_, found := slices.BinarySearch(list, name)
		return found
	}
	for _, declared := range p.Secrets {
		if refers(own, declared.Name) || refers(set, declared.Name) {
			ask.Secrets = append(ask.Secrets, declared.Name)
		}
	}
	return ask
}
