// Repair puts right what the check refused, by the rules of rules.go, and counts
// what each rule did. It goes over all films, not just those that the
// violations name: the host names the first fifty.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// film has the fields that the rules touch; the others stay as they came.
type film map[string]json.RawMessage

type refused struct {
	Films      []film           `json:"films"`
	Violations []node.Violation `json:"violations"`
	Repairs    map[string]int   `json:"repairs"` // of the turns before this one
}

type repaired struct {
	Films   []film         `json:"films"`
	Repairs map[string]int `json:"repairs"`
}

type config struct {
	Latest string `json:"latest"` // no film of the catalogue is younger; YYYY-MM-DD
}

func repair(ctx context.Context, in refused) (repaired, error) {
	conf, err := node.Config[config](ctx)
	if err != nil {
		return repaired{}, err
	}
	latest := cmp.Or(conf.Latest, "2011-12-31")

	out := repaired{Films: []film{}, Repairs: map[string]int{}}
	maps.Copy(out.Repairs, in.Repairs)
	changed := 0
	for _, f := range in.Films {
		keep := true
		for _, r := range rules {
			if !r.mends(f, latest) {
				continue
			}
			out.Repairs[r.name]++
			changed++
			keep = keep && !r.drops
		}
		if keep {
			out.Films = append(out.Films, f)
		}
	}
	if changed == 0 { // going round again would change nothing
		return repaired{}, unrepairable(in.Violations)
	}
	node.Log(ctx).Info("repaired", "changes", changed, "violations", len(in.Violations))
	return out, nil
}

func unrepairable(violations []node.Violation) error {
	if len(violations) == 0 {
		return node.Errorf("unrepairable", "no rule applies")
	}
	v := slices.MinFunc(violations, func(a, b node.Violation) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return node.Errorf("unrepairable", "no rule mends %s: %s", v.Pointer, v.Message)
}

func init() { node.Handle(repair) }

func main() { node.Main() }
