package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/plan"
)

// WithCapability offers c to graphs under a name: a node whose graph grants it
// [nodes.N.grants.NAME] can call it. The host closes it, if it is an io.Closer.
// Default: nothing is offered; packages host/capability/fetch, kv and llm, and
// host/provider, have capabilities ready.
func WithCapability(name string, c capability.Capability) Option {
	return func(to *config) { to.offered = append(to.offered, offered{name, c}) }
}

// WithSecrets says where the values of [secrets.NAME] come from. Default: from
// nowhere; a graph that names secrets cannot be started. [secret.System] reads the
// environment and files, as the command line does: only for graphs whose author
// may read those.
func WithSecrets(r secret.Resolver) Option { return func(c *config) { c.secrets = r } }

type offered struct {
	name string
	c    capability.Capability
}

var capabilityName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// newOffers compiles what capabilities describe.
func newOffers(list []offered) (plan.Offers, error) {
	offers := plan.Offers{}
	for _, o := range list {
		switch {
		case !capabilityName.MatchString(o.name):
			return nil, fmt.Errorf("host: WithCapability: %q: a name has 1 to 64 of a-z, 0-9, _ and -", o.name)
		case o.name == graph.HostCapability:
			return nil, errors.New(`host: WithCapability: "node" is what every node has without a grant`)
		case offers[o.name] != nil:
			return nil, fmt.Errorf("host: WithCapability: %q is offered twice", o.name)
		}
		made, err := capability.NewOffer(o.name, o.c)
		if err != nil {
			return nil, fmt.Errorf("host: WithCapability: %w", err)
		}
		offers[o.name] = made
	}
	return offers, nil
}

func closeOffers(list []offered) error {
	var errs []error
	for _, o := range slices.Backward(list) {
		if c, ok := o.c.(io.Closer); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, fmt.Errorf("closing capability %q: %w", o.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// vault is what a run may know of secrets: the values behind each plan's
// references, and what takes them out again.
type vault struct {
	sets   map[*plan.Plan]*secret.Set
	redact *secret.Redactor
}

// unlock reads the secrets of a graph and of its subgraphs.
func (h *Host) unlock(ctx context.Context, g *Graph) (vault, error) {
	v := vault{sets: map[*plan.Plan]*secret.Set{}}
	var all []*secret.Set
	for _, p := range g.plan.All() {
		var references []secret.Reference
		for _, s := range p.Secrets {
			file := s.File
			if file != "" && !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(p.Graph.File), filepath.FromSlash(file))
			}
			references = append(references, secret.Reference{Name: s.Name, Env: s.Env, File: file})
		}
		var environment []string
		for _, n := range p.Nodes {
			for _, granted := range n.Granted {
				environment = append(environment, granted.Offer.Description.Environment...)
			}
		}
		slices.Sort(environment)
		environment = slices.Compact(environment)
		if h.secrets == nil {
			if len(references) > 0 {
				return v, fmt.Errorf("%s: secret %q: this host reads no secrets (host.WithSecrets says where they come from)",
					p.Graph.File, references[0].Name)
			}
			continue
		}
		if len(references)+len(environment) == 0 {
			continue
		}
		set, err := secret.Resolve(ctx, h.secrets, references, environment)
		if err != nil {
			return v, fmt.Errorf("reading the secrets of %s: %w", p.Graph.File, err)
		}
		for _, w := range set.Warnings() {
			h.logger.Warn(w)
		}
		v.sets[p] = set
		all = append(all, set)
	}
	if len(all) > 0 {
		v.redact = secret.Redact(all...)
	}
	return v, nil
}

func (v vault) of(p *plan.Plan) capability.Secrets { return v.sets[p] }

// scope is what the attempts of a run have in common.
func (c runConfig) scope(v vault) invoke.Scope {
	s := invoke.Scope{Run: c.id, Secrets: v.of, Redact: v.redact}
	if c.answers != nil {
		s.Answers = c.answers
	}
	return s
}

// partials hands the parts of answers to everybody who watches; nil: nobody does.
func (c runConfig) partials() func(event.Partial) {
	if len(c.partial) == 0 {
		return nil
	}
	return func(p event.Partial) {
		for _, f := range c.partial {
			f(p)
		}
	}
}
