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
// The digest is that of [Link], unless a capability that is not there, or that only its
// settings tell about, takes a common key of a grant (calls, bytes, tokens, cost,
// methods) for one of its own: own names the keys of which that is supposed, and
// [Plan.Unsure] those of which it can be.
func LinkRecorded(g *graph.Graph, read Reader, offers Offers, own ...string) (*Plan, graph.Diagnostics) {
	l := newLinker(read, offers)
	l.recorded, l.own = true, own
	p := l.plan(g, ".")
	l.diagnostics.Sort()
	if l.diagnostics.Failed() {
		return nil, l.diagnostics
	}
	return p, l.diagnostics
}

// Unsure gives the common keys of grants, sorted, that may be the capability's own: it
// is not there to say so.
func (p *Plan) Unsure() []string {
	var unsure []string
	for _, inner := range p.All() {
		for _, n := range inner.Nodes {
			for _, g := range n.Granted {
				if g.Offer.Description.Grant != nil {
					continue
				}
				if _, ok := g.Offer.Capability.(absent); !ok {
					continue
				}
				for _, f := range g.Terms.Fields() {
					if slices.Contains(graph.LimitKeys(), f.Key) && !slices.Contains(unsure, f.Key) {
						unsure = append(unsure, f.Key)
					}
				}
			}
		}
	}
	slices.Sort(unsure)
	return unsure
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
	known := &keys{open: true, names: w.own}
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
