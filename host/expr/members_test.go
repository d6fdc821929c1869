package expr_test

import (
	"slices"
	"testing"

	"github.com/chainrun/chainrun/host/expr"
)

// TestMembers: an expression that only picks members of a variable says which.
func TestMembers(t *testing.T) {
	env := expr.NewEnv("state", "input")
	for source, want := range map[string][]string{
		`state.n + 1`:                       {"n"},
		`state.n + state.list[0] + state.n`: {"n", "list"},
		`has(state.n) && input.x > 1`:       {"n"},
		`state.a.b.c`:                       {"a"},
		`state`:                             nil,
		`state.n + state["x"]`:              nil,
		`[1].map(x, state.n + x)`:           {"n"},
		`[1].all(k, state[string(k)] == 1)`: nil,
		`state.?n.orValue(1)`:               nil,
		`input.state.n`:                     nil,
		`size(state)`:                       nil,
	} {
		p, err := env.Compile(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		got, ok := p.Members("state")
		if !slices.Equal(got, want) || ok != (want != nil) {
			t.Errorf("%s: %q, %v; want %q", source, got, ok, want)
		}
	}
}
