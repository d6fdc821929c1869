package fork

// Which steps come after others, against a slow definition, and against runs.

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/stepper/simulate"
)

// unrolled is a graph without loops: for each turn that there may be, a copy of its
// nodes. It says what is downstream of what, in one graph, by walking.
type unrolled struct {
	next  map[string][]string
	ids   []string
	known map[string]map[string]bool
}

// most is how many turns each loop has.
func unroll(g *graph.Graph, most int) *unrolled {
	u := &unrolled{next: map[string][]string{}, known: map[string]map[string]bool{}}
	for _, n := range g.Nodes {
		for _, turns := range turnsOf(n.Loop, most) {
			from := named(n, turns)
			u.ids = append(u.ids, from)
			for _, e := range n.Outgoing {
				if e.Back != nil {
					continue // the end of the turn, below
				}
				common := 0
				for l := n.Loop; l != nil; l = l.Parent {
					if slices.Contains(l.Nodes, e.To) {
						common = l.Depth
						break
					}
				}
				depth := 0
				if e.To.Loop != nil {
					depth = e.To.Loop.Depth
				}
				// A loop that it leads into begins with its first turn; one that it leads
				// out of is through then, whatever the turn of its last step.
				to := slices.Clone(turns[:common])
				for len(to) < depth {
					to = append(to, 1)
				}
				u.next[from] = append(u.next[from], named(e.To, to))
			}
			// The next turn of a loop begins when all of this one is through.
			for l := n.Loop; l != nil; l = l.Parent {
				to := slices.Clone(turns[:l.Depth])
				if to[l.Depth-1]++; to[l.Depth-1] > most {
					continue
				}
				u.next[from] = append(u.next[from], named(l.Header, to))
			}
		}
	}
	return u
}

func turnsOf(l *graph.Loop, most int) [][]int {
	if l == nil {
		return [][]int{nil}
	}
	var all [][]int
	for _, outer := range turnsOf(l.Parent, most) {
		for turn := 1; turn <= most; turn++ {
			all = append(all, append(slices.Clip(outer), turn))
		}
	}
	return all
}

func named(n *graph.Node, turns []int) string {
	if len(turns) == 0 {
		return n.Name
	}
	texts := make([]string, len(turns))
	for i, turn := range turns {
		texts[i] = strconv.Itoa(turn)
	}
	return n.Name + "[" + strings.Join(texts, ".") + "]"
}

// after gives all that is downstream of a step.
func (u *unrolled) after(id string) map[string]bool {
	if seen, ok := u.known[id]; ok {
		return seen
	}
	seen := map[string]bool{}
	for work := slices.Clone(u.next[id]); len(work) > 0; {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		if !seen[at] {
			seen[at] = true
			work = append(work, u.next[at]...)
		}
	}
	u.known[id] = seen
	return seen
}

// slowly says whether y is x, inside it, or downstream of it, by the definition.
type slowly struct {
	graph *graph.Graph
	most  int
	flat  map[*graph.Graph]*unrolled
}

func (s *slowly) reaches(x, y string) bool {
	xs, ys := strings.Split(x, "/"), strings.Split(y, "/")
	g := s.graph
	for i := range xs {
		if i == len(ys) {
			return false // x is inside y
		}
		xStep, xElement, _ := strings.Cut(xs[i], "#")
		yStep, yElement, _ := strings.Cut(ys[i], "#")
		if xStep != yStep {
			if s.flat[g] == nil {
				s.flat[g] = unroll(g, s.most)
			}
			return s.flat[g].after(xStep)[yStep]
		}
		if xElement != yElement {
			return xElement == "" && i == len(xs)-1
		}
		name, _, _ := strings.Cut(xStep, "[")
		if n := g.Node(name); n != nil {
			g = n.Sub
		}
	}
	return true
}

// A trail says what the slow definition says, of every pair of steps of random graphs,
// and of sets of them.
func TestTrail(t *testing.T) {
	pairs, yes := 0, 0
	for seed := uint64(1); seed <= 150; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		const most = 3
		slow := &slowly{graph: c.Graph, most: most, flat: map[*graph.Graph]*unrolled{}}
		ids := allSteps(c.Graph, most-1, 60)
		var set []string
		for i, x := range ids {
			for _, y := range ids {
				got, want := trailAt(c.Graph, y, x).reaches(y), slow.reaches(x, y) || within(x, y)
				if got != want {
					t.Fatalf("seed %d: %s after %s: %v, want %v", seed, y, x, got, want)
				}
				if pairs++; got {
					yes++
				}
			}
			if i%7 != int(seed%7) {
				continue
			}
			set = append(set, x)
			for _, y := range ids {
				want := slices.ContainsFunc(set, func(x string) bool { return slow.reaches(x, y) || within(x, y) })
				if got := trailAt(c.Graph, y, set...).reaches(y); got != want {
					t.Fatalf("seed %d: %s after %v: %v, want %v", seed, y, set, got, want)
				}
			}
		}
	}
	t.Logf("%d of %d pairs", yes, pairs)
	if yes < pairs/10 || yes > pairs*9/10 {
		t.Errorf("%d of %d pairs: it says nothing", yes, pairs)
	}
}

// within reports whether x is inside y, which has come to its end with it.
func within(x, y string) bool { return strings.HasPrefix(x, y+"/") || strings.HasPrefix(x, y+"#") }

// trailAt is the trail of some steps when y is to begin: what they are inside of, and y
// is not, has come to its end.
func trailAt(g *graph.Graph, y string, steps ...string) *trail {
	t := newTrail(g)
	var over []string
	for _, x := range steps {
		t.add(x)
		for at := around(x); at != ""; at = around(at) {
			if !within(y, at) {
				over = append(over, at)
			}
		}
	}
	slices.SortStableFunc(over, func(a, b string) int { return cmp.Compare(depth(b), depth(a)) })
	for _, at := range over {
		t.ended(at, "")
	}
	return t
}

func depth(id string) int {
	n := 0
	for ; id != ""; id = around(id) {
		n++
	}
	return n
}

// allSteps gives ids that steps of a graph can have, some of them where there are many.
func allSteps(g *graph.Graph, turns, most int) (ids []string) {
	for _, n := range g.Nodes {
		for _, turn := range turnsOf(n.Loop, turns) {
			at := []string{named(n, turn)}
			if n.Foreach != nil {
				at = append(at, at[0]+"#0", at[0]+"#12")
			}
			ids = append(ids, at...)
			if n.Sub == nil {
				continue
			}
			if n.Foreach != nil {
				at = at[1:] // the foreach has elements inside
			}
			for _, outer := range at {
				for _, inner := range allSteps(n.Sub, turns, most/3) {
					ids = append(ids, outer+"/"+inner)
				}
			}
		}
	}
	if len(ids) <= most {
		return ids
	}
	var some []string
	for i := range most {
		some = append(some, ids[i*len(ids)/most])
	}
	return some
}
