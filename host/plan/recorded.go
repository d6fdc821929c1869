package plan

// Plans of runs that have been: linked without asking what they once asked of the
// world to be there.

import (
	"context"
	"slices"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/graph"
)

// LinkRecorded links the graph of a recorded run for a replay. What the graph asks of
// the world was agreed on when it was run: of what the offers have only the
// descriptions are looked at, nothing is configured or started, and what they do not
// have does not matter. The prover has its say at [Link] alone. The capabilities of such
// a plan cannot be called, but for those that implement [capability.Replayer].
//
// A capability that is not there, or that only its settings tell about, may have taken a
// common key of a grant (calls, bytes, tokens, cost, methods) for one of its own. Where
// is does not take the plan for the recorded one, what it says of such keys is tried:
// the plan is the first that is takes, or else the one in which they are common.
func LinkRecorded(g *graph.Graph, read Reader, offers Offers, is func(*Plan) bool) (*Plan, graph.Diagnostics) {
	l := newLinker(read, offers)
	l.recorded = true
	p := l.plan(g, ".")
	l.diagnostics.Sort()
	if l.diagnostics.Failed() {
		return nil, l.diagnostics
	}
	if is(p) {
		return p, l.diagnostics
	}
	unsure := p.unsure()
	for set := 1; set < 1<<len(unsure); set++ {
		other := newLinker(read, offers)
		other.recorded, other.modules, other.own = true, l.modules, map[term]bool{}
		for i, t := range unsure {
			other.own[t] = set&(1<<i) != 0
		}
		if q := other.plan(g, "."); !other.diagnostics.Failed() && is(q) {
			return q, l.diagnostics
		}
	}
	return p, l.diagnostics
}

// term is a key in the grants of a capability.
type term struct{ capability, key string }

// maxUnsure bounds what is tried: 256 plans.
const maxUnsure = 8

// unsure gives the common keys of grants that may be the capability's own: it is not
// there to say so. Those of `methods` come first, which is what fetch has.
func (p *Plan) unsure() []term {
	var first, more []term
	for _, inner := range p.All() {
		for _, n := range inner.Nodes {
			for _, g := range n.Granted {
				if _, ok := g.Offer.Capability.(absent); !ok || g.Offer.Description.Grant != nil {
					continue
				}
				for _, f := range g.Terms.Fields() {
					switch t := (term{g.Capability, f.Key}); {
					case !slices.Contains(graph.LimitKeys(), f.Key) || slices.Contains(first, t) || slices.Contains(more, t):
					case f.Key == "methods":
						first = append(first, t)
					default:
						more = append(more, t)
					}
				}
			}
		}
	}
	all := append(first, more...)
	return all[:min(len(all), maxUnsure)]
}

// absent is a capability that is known by what was recorded of it.
type absent struct {
	description capability.Description
	// silent says that it is known to keep nothing beyond the run.
	silent bool
}

// Describe implements [capability.Capability].
func (a absent) Describe() capability.Description { return a.description }

// Call implements [capability.Capability].
func (absent) Call(context.Context, capability.Call) (capability.Answer, error) {
	return capability.Answer{}, &capability.Error{Reason: "replayed", Message: "in a replay no capability is called"}
}

// recall gives the offer for a replay in place of the one that the host has; nil: it
// has none.
func recall(offer *capability.Offer) *capability.Offer {
	if offer == nil {
		return &capability.Offer{Capability: absent{}}
	}
	if _, ok := offer.Capability.(capability.Replayer); ok {
		return offer
	}
	_, settings := offer.Capability.(capability.Configurable)
	_, sessions := offer.Capability.(capability.Opener)
	// What takes settings may be another thing with them.
	known := *offer
	known.Capability = absent{description: offer.Description, silent: !settings && !sessions}
	return &known
}

// recallConfigured is recall for a capability with settings. Those of one that cannot
// be replayed are no more than what a digest is made of.
func (w *world) recallConfigured(s *graph.Settings) *capability.Offer {
	offer := recall(w.linker.offers[s.Kind])
	w.references(s.Value, s.Places, s.At, "capabilities."+s.Name, w.granted[s.Name])
	if c, ok := offer.Capability.(capability.Configurable); ok {
		if made, err := c.Configure(s.Name, s.Value); err == nil {
			if again, err := capability.NewOffer(s.Name, made); err == nil {
				return again
			}
		}
	}
	return offer
}

// recallGrant links a grant to what is known of its capability.
func (w *world) recallGrant(g *graph.Grant, owner string) *Grant {
	offer, ok := w.offers[g.Capability]
	if !ok {
		offer = recall(w.linker.offers[g.Capability])
	}
	known := &keys{open: true}
	for _, key := range graph.LimitKeys() {
		if w.own[term{g.Capability, key}] {
			known.names = append(known.names, key)
		}
	}
	if offer.Description.Grant != nil {
		known = w.keysOf(offer.Description.Grant)
	}
	limits, _ := graph.ReadLimits(g.Terms, known.has)
	own := known.of(g.Terms, graph.LimitKeys()...)
	w.references(own, g.Places, g.At, owner, true)
	linked := *g
	linked.Limits = limits
	return &Grant{Grant: &linked, Offer: offer, Own: own}
}

// Stores reports whether a replay can tell what an attempt of the node keeps beyond its
// run: false where something that may keep values is not there.
func (n *Node) Stores() bool {
	for _, g := range n.Granted {
		if a, ok := g.Offer.Capability.(absent); ok && !a.silent {
			return false
		}
	}
	return true
}
