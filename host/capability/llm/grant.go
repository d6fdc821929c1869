package llm

// This file reads grants: which models of which endpoints a node may ask.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// grant is what a graph lets a node ask.
type grant struct {
	Models    []string `json:"models"`     // patterns; empty: only what the settings name
	Endpoints []string `json:"endpoints"`  // empty: all
	MaxTokens integer  `json:"max_tokens"` // 0: no cap
}

func readGrant(d document.Document) (grant, error) {
	var g grant
	if d.IsZero() {
		return g, nil
	}
	if err := json.Unmarshal(d.Bytes(), &g); err != nil {
		return grant{}, fmt.Errorf("reading the grant: %w", err)
	}
	return g, nil
}

// check holds a grant against the endpoints that there are.
func (g grant) check(endpoints []string) capability.Problems {
	var problems capability.Problems
	for i, name := range g.Endpoints {
		if !slices.Contains(endpoints, name) {
			problems = append(problems, capability.Problem{
				Pointer: fmt.Sprintf("/endpoints/%d", i),
				Text:    fmt.Sprintf("there is no endpoint %q", name),
				Hint:    "the endpoints are " + quoted(endpoints),
			})
		}
	}
	return problems
}

func (g grant) endpoint(name string) bool {
	return len(g.Endpoints) == 0 || slices.Contains(g.Endpoints, name)
}

// model says whether the grant allows a model, which the settings of its
// endpoint may have named.
func (g grant) model(name, configured string) bool {
	if len(g.Models) == 0 {
		return name == configured
	}
	return slices.ContainsFunc(g.Models, func(pattern string) bool { return matches(pattern, name) })
}

// matches says whether a name fits a pattern in which each * stands for any
// characters, none included.
func matches(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for {
		piece, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(name, piece)
		}
		i := strings.Index(name, piece)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(piece):], more
	}
}
