package stepper

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// TestReduceInCanonicalOrder: whatever branches and joins updates came through,
// a key is its initial value and every update once, in canonical order; where a fork
// has set it, it is that value, and every update once that comes later.
func TestReduceInCanonicalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		type branch struct {
			state *state
			seen  map[string]update
			set   bool
		}
		var setAt place // nil: nowhere
		var value document.Document
		branches := []branch{{seen: map[string]update{}}}
		places := map[string]place{}
		for range rapid.IntRange(1, 40).Draw(t, "updates") {
			b := rapid.SampledFrom(branches).Draw(t, "branch")
			next := branch{state: b.state, seen: map[string]update{}, set: b.set}
			maps.Copy(next.seen, b.seen)
			if setAt == nil && rapid.IntRange(0, 4).Draw(t, "set") == 0 {
				p := place{rapid.IntRange(0, 3).Draw(t, "header"), rapid.IntRange(1, 20).Draw(t, "turn"), rapid.IntRange(0, 9).Draw(t, "rank")}
				for earlier := range b.seen {
					if !places[earlier].before(p) {
						p = nil // a step comes after all that it sees
						break
					}
				}
				if p == nil {
					continue
				}
				setAt, value, next.set = p, drawKeyOf(t, key.Reduce).Initial, true
				next.state = next.state.set(1, p.justBefore(), []update{{key, value}})
				branches = append(branches, next)
				continue
			}
			if rapid.Bool().Draw(t, "join") {
				other := rapid.SampledFrom(branches).Draw(t, "other")
				next.state = merge(next.state, other.state)
				maps.Copy(next.seen, other.seen)
				next.set = next.set || other.set
			} else {
				p := place{rapid.IntRange(0, 3).Draw(t, "header"), rapid.IntRange(1, 20).Draw(t, "turn"), rapid.IntRange(0, 9).Draw(t, "rank")}
				if _, taken := places[fmt.Sprint(p)]; taken {
					continue
				}
				places[fmt.Sprint(p)] = p
				u := update{key, drawUpdate(t, key.Reduce)}
				next.state = next.state.with(1, p, []update{u})
				next.seen[fmt.Sprint(p)] = u
			}
			branches = append(branches, next)
		}
		for _, b := range branches {
			var at []string
			for p := range b.seen {
				at = append(at, p)
			}
			slices.SortFunc(at, func(x, y string) int { return slices.Compare(places[x], places[y]) })
			want := key.Initial
			if b.set {
				want = value
			}
			for _, p := range at {
				if b.set && places[p].before(setAt) {
					continue
				}
				want = reducePlainly(key.Reduce, want, b.seen[p].value)
			}
			s := b.state
			if s == nil {
				s = &state{cells: make([]*cell, 1)}
			}
			if got := s.valueOf(key); !got.Equal(want) {
				t.Fatalf("%s over %v: got %s, want %s", key.Reduce, at, got, want)
			}
		}
	})
}

var everyReducer = []graph.Reduce{
	graph.ReduceReplace, graph.ReduceAppend, graph.ReduceUnion, graph.ReduceMerge, graph.ReduceSum, graph.ReduceMin, graph.ReduceMax,
}

func drawKey(t *rapid.T) *graph.StateKey {
	return drawKeyOf(t, rapid.SampledFrom(everyReducer).Draw(t, "reducer"))
}

func drawKeyOf(t *rapid.T, r graph.Reduce) *graph.StateKey {
	k := &graph.StateKey{Name: "k", Reduce: r}
	switch k.Reduce {
	case graph.ReduceAppend, graph.ReduceUnion:
		k.Initial = document.MustParse(rapid.SampledFrom([]string{`[]`, `[1, {"b": [2]}, 1]`}).Draw(t, "initial"))
		if k.Reduce == graph.ReduceUnion {
			k.Initial = document.MustParse(rapid.SampledFrom([]string{`[]`, `[1, {"b": [2]}]`}).Draw(t, "initial"))
		}
	case graph.ReduceMerge:
		k.Initial = document.MustParse(rapid.SampledFrom([]string{`{}`, `{"a": 1, "b": {"c": 2}}`}).Draw(t, "initial"))
	case graph.ReduceSum:
		k.Initial = document.MustParse(rapid.SampledFrom([]string{`0`, `0.5e1`}).Draw(t, "initial"))
	case graph.ReduceReplace, graph.ReduceMin, graph.ReduceMax:
		k.Initial = document.MustParse(rapid.SampledFrom([]string{`null`, `3`}).Draw(t, "initial"))
	}
	return k
}

func drawUpdate(t *rapid.T, r graph.Reduce) document.Document {
	of := []string{`1`, `1.0`, `"a"`, `[1]`, `{"b":[2]}`, `null`, `2`}
	switch r {
	case graph.ReduceMerge:
		of = []string{`{}`, `{"a":2}`, `{"b":null,"d":1}`, `{"d":{"e":5}}`}
	case graph.ReduceSum:
		of = []string{`1`, `0.1`, `-0.30`, `1e20`, `-1E+20`, `123456789012345678901234567890`, `5e-7`}
	case graph.ReduceMin, graph.ReduceMax:
		of = []string{`1`, `0.1`, `-0.30`, `1e20`, `-1E+20`, `null`, `1.0`}
	case graph.ReduceReplace, graph.ReduceAppend, graph.ReduceUnion:
	}
	return document.MustParse(rapid.SampledFrom(of).Draw(t, "update"))
}

// reducePlainly is the reducer as it is defined, one update after another.
func reducePlainly(r graph.Reduce, value, u document.Document) document.Document {
	switch r {
	case graph.ReduceAppend:
		return document.Array(append(value.Items(), u)...)
	case graph.ReduceUnion:
		if slices.ContainsFunc(value.Items(), u.Equal) {
			return value
		}
		return document.Array(append(value.Items(), u)...)
	case graph.ReduceMerge:
		return document.Object(append(value.Fields(), u.Fields()...)...)
	case graph.ReduceSum:
		sum := new(big.Rat).Add(rational(value), rational(u))
		return document.MustParse(sum.FloatString(12))
	case graph.ReduceMin, graph.ReduceMax:
		if u.Kind() == document.KindNull {
			return value
		}
		if value.Kind() == document.KindNull {
			return u
		}
		if order := rational(u).Cmp(rational(value)); r == graph.ReduceMin && order < 0 || r == graph.ReduceMax && order > 0 {
			return u
		}
		return value
	case graph.ReduceReplace:
	}
	return u
}

func rational(d document.Document) *big.Rat {
	r, _ := new(big.Rat).SetString(d.String())
	return r
}

// TestJoinsShare: joining costs what two branches differ in, not what they have
// in common, also where a thousand branches come together.
func TestJoinsShare(t *testing.T) {
	key := &graph.StateKey{Reduce: graph.ReduceAppend}
	cells := func(n int) int {
		made := 0
		count := func(c *cell, old map[*cell]bool) {
			var walk func(*cell)
			walk = func(c *cell) {
				if c == nil || old[c] {
					return
				}
				old[c] = true
				made++
				walk(c.left)
				walk(c.right)
			}
			walk(c)
		}
		known := map[*cell]bool{}
		var s *state
		for turn := range n {
			// A fork and a join in each turn, the later branch first.
			left := s.with(1, place{0, turn, 1}, []update{{key, document.Int(int64(turn))}})
			right := s.with(1, place{0, turn, 2}, []update{{key, document.Int(int64(turn))}})
			s = merge(right, left)
			count(s.cells[0], known)
		}
		return made
	}
	few, many := cells(1_000), cells(4_000)
	if float64(many) > 5.5*float64(few) {
		t.Errorf("%d updates made %d cells, %d updates made %d", 2_000, few, 8_000, many)
	}
}
