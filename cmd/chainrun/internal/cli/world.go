package cli

// What the command line offers to graphs, and what graphs ask for.

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/fetch"
	"github.com/chainrun/chainrun/host/capability/llm"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/provider"
)

// worldFlags say what the operator lets graphs use beyond what is always there.
type worldFlags struct {
	providers []string
}

func (f *worldFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.providers, "provider", nil, "NAME=PATH: the program that a graph's provider NAME stands for; may be repeated")
}

// options are the capabilities that graphs may be granted, but for kv, which has
// its values in a store.
func (f *worldFlags) options(l *slog.Logger) ([]host.Option, error) {
	allowed := map[string]provider.Program{}
	for _, text := range f.providers {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return nil, usagef("--provider %q: expected NAME=PATH", text)
		}
		if _, twice := allowed[name]; twice {
			return nil, usagef("--provider %q: %s is there already", text, name)
		}
		allowed[name] = provider.Program{Path: path}
	}
	return []host.Option{
		host.WithSecrets(secret.System()),
		host.WithCapability("fetch", fetch.New(fetch.Options{})),
		host.WithCapability("llm", llm.New(llm.Options{})),
		host.WithCapability("provider", provider.New(provider.Options{
			Allow: func(name string) (provider.Program, bool) {
				p, ok := allowed[name]
				return p, ok
			},
			Logger: l,
		})),
	}, nil
}

// sayAsks tells a person what a graph asks of the world, a line for each node's
// grant and for each secret. What a graph's author wrote stands in it.
func sayAsks(asks plan.Asks) (lines []string) {
	for _, g := range asks.Grants {
		line := fmt.Sprintf("%s may ask %s: %s", g.Node, g.Capability, strings.Join(g.Methods, ", "))
		if g.Kind != g.Capability {
			line = fmt.Sprintf("%s may ask %s (%s): %s", g.Node, g.Capability, g.Kind, strings.Join(g.Methods, ", "))
		}
		if len(g.Terms.Fields()) > 0 {
			line += ", " + g.Terms.String()
		}
		if limits := sayLimits(g.Limits); limits != "" {
			line += ", at most " + limits
		}
		if len(g.Settings.Fields()) > 0 {
			line += "; " + g.Settings.String()
		}
		if len(g.Secrets) > 0 {
			line += "; with the secret " + strings.Join(g.Secrets, ", ")
		}
		if len(g.Environment) > 0 {
			line += "; where nothing else is written, from the variables " + strings.Join(g.Environment, ", ")
		}
		lines = append(lines, line)
	}
	for _, s := range asks.Secrets {
		from := "the variable " + s.Env
		if s.Path != "" {
			from = "the file " + s.Path
		}
		lines = append(lines, fmt.Sprintf("the secret %s is read from %s", s.Name, from))
	}
	for _, b := range asks.Budgets {
		lines = append(lines, "the budget of a run is "+sayLimits(graph.Limits{Calls: b.Calls, Tokens: b.Tokens, Cost: b.Cost}))
	}
	return lines
}

func sayLimits(l graph.Limits) string {
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			if n == 1 {
				what = strings.TrimSuffix(what, "s")
			}
			parts = append(parts, thousands(uint64(n))+" "+what)
		}
	}
	add(l.Calls, "calls")
	add(l.Bytes, "bytes")
	add(l.Tokens, "tokens")
	if l.Cost > 0 {
		parts = append(parts, "a cost of "+event.CostText(l.Cost))
	}
	return strings.Join(parts, ", ")
}

// asks is the form in JSON of what a graph asks of the world.
type asks struct {
	File    string      `json:"file"`
	Grants  []grantAsk  `json:"grants"`
	Secrets []secretAsk `json:"secrets"`
	Budgets []budgetAsk `json:"budgets"`
}

// limitsAsk bounds calls; 0 is left out: no bound.
type limitsAsk struct {
	Calls  int64       `json:"calls,omitempty"`
	Bytes  int64       `json:"bytes,omitempty"`
	Tokens int64       `json:"tokens,omitempty"`
	Cost   json.Number `json:"cost,omitempty"`
}

func limitsOf(calls, bytes, tokens, cost int64) limitsAsk {
	l := limitsAsk{Calls: calls, Bytes: bytes, Tokens: tokens}
	if cost > 0 {
		l.Cost = json.Number(event.CostText(cost))
	}
	return l
}

type budgetAsk struct {
	File string `json:"file"`
	limitsAsk
}

type grantAsk struct {
	File        string            `json:"file"`
	Node        string            `json:"node"`
	Capability  string            `json:"capability"`
	Kind        string            `json:"kind"`
	Methods     []string          `json:"methods"`
	Limits      limitsAsk         `json:"limits,omitzero"`
	Terms       document.Document `json:"terms,omitzero"`
	Settings    document.Document `json:"settings,omitzero"`
	Secrets     []string          `json:"secrets,omitempty"`
	Environment []string          `json:"environment,omitempty"`
}

type secretAsk struct {
	File string `json:"file"`
	Name string `json:"name"`
	Env  string `json:"env,omitempty"`
	Path string `json:"path,omitempty"`
}

func asksOf(name string, all plan.Asks) asks {
	a := asks{File: name, Grants: []grantAsk{}, Secrets: []secretAsk{}, Budgets: []budgetAsk{}}
	for _, g := range all.Grants {
		a.Grants = append(a.Grants, grantAsk{g.File, g.Node, g.Capability, g.Kind, g.Methods, limitsOf(g.Limits.Calls, g.Limits.Bytes, g.Limits.Tokens, g.Limits.Cost), g.Terms, g.Settings, g.Secrets, g.Environment})
	}
	for _, s := range all.Secrets {
		a.Secrets = append(a.Secrets, secretAsk{s.File, s.Name, s.Env, s.Path})
	}
	for _, b := range all.Budgets {
		a.Budgets = append(a.Budgets, budgetAsk{b.File, limitsOf(b.Calls, 0, b.Tokens, b.Cost)})
	}
	return a
}
