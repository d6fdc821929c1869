package plan

// The worst case of a run, as figures: what its limits add up to.

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
)

// WorstCase is the most that a run can do before one of its limits ends it.
// Sums that would not fit stay at the largest number that there is.
type WorstCase struct {
	Steps    int64
	Attempts int64
	Fuel     uint64        // executed instructions
	Time     time.Duration // with one step at a time; waits for a signal without a timeout aside
	// Calls, Tokens and Cost are what grants and budgets allow to be asked of
	// capabilities; Cost is in billionths. capability.Unlimited: nothing bounds
	// it. Tokens and Cost of a call are known when it was answered, so that the
	// calls that are then under way may pass the bound.
	Calls, Tokens, Cost int64
	// Elements is what one element of each foreach can do, beside the figures
	// above: how many there are is not known before the run.
	Elements []ElementCase
	// Waits are the steps that rest without a timeout, by their ids.
	Waits []string
}

// ElementCase is the worst case of one element of a foreach.
type ElementCase struct {
	Step string // the step's id, without turns: "score", "sub/score"
	WorstCase
}

// Worst adds up the limits of a graph: visits and turns of loops, attempts and
// their intervals, fuel, timeouts, max_steps, deadlines, grants and budgets. It
// takes the common keys of every grant as limits; [Plan.Worst] knows where a
// capability means something else by one of them.
func Worst(g *graph.Graph) WorstCase {
	w := &adder{known: map[*graph.Graph]WorstCase{}, turns: map[*graph.Loop]uint64{}}
	return w.graph(g)
}

// Worst adds up the limits of a plan.
func (p *Plan) Worst() WorstCase {
	w := &adder{known: map[*graph.Graph]WorstCase{}, turns: map[*graph.Loop]uint64{}, granted: map[*graph.Node][]*Grant{}}
	for _, inner := range p.All() {
		for _, n := range inner.Nodes {
			w.granted[n.Node] = n.Granted
		}
	}
	return w.graph(p.Graph)
}

type adder struct {
	known   map[*graph.Graph]WorstCase
	turns   map[*graph.Loop]uint64
	granted map[*graph.Node][]*Grant // nil: nothing is known but the graph
}

// share is what one activation of a node can cost, and how many there can be.
type share struct {
	node        *graph.Node
	each        WorstCase
	activations int64
}

func (w *adder) graph(g *graph.Graph) WorstCase {
	if found, ok := w.known[g]; ok {
		return found
	}
	shares := make([]share, len(g.Nodes))
	var total WorstCase
	for i, n := range g.Nodes {
		shares[i] = share{node: n, activations: w.activations(n), each: w.step(n)}
		total.Elements = append(total.Elements, shares[i].each.Elements...)
		total.Waits = append(total.Waits, shares[i].each.Waits...)
	}
	most := int64(g.MaxSteps)
	if most <= 0 {
		most = graph.DefaultMaxSteps
	}
	total.Steps = sum(shares, most, func(c WorstCase) uint64 { return uint64(c.Steps) })
	total.Attempts = sum(shares, most, func(c WorstCase) uint64 { return uint64(c.Attempts) })
	total.Fuel = greedy(shares, most, func(c WorstCase) uint64 { return c.Fuel })
	total.Time = time.Duration(sum(shares, most, func(c WorstCase) uint64 { return uint64(c.Time) }))
	if g.Deadline > 0 {
		total.Time = min(total.Time, g.Deadline)
	}
	total.Calls = amount(shares, most, func(c WorstCase) int64 { return c.Calls })
	total.Tokens = amount(shares, most, func(c WorstCase) int64 { return c.Tokens })
	total.Cost = amount(shares, most, func(c WorstCase) int64 { return c.Cost })
	if g.Budget != nil {
		total.within(*g.Budget)
		for i := range total.Elements {
			total.Elements[i].within(*g.Budget)
		}
	}
	w.known[g] = total
	return total
}

// within keeps what a budget leaves.
func (c *WorstCase) within(b graph.Budget) {
	for _, one := range []struct {
		figure *int64
		most   int64
	}{{&c.Calls, b.Calls}, {&c.Tokens, b.Tokens}, {&c.Cost, b.Cost}} {
		if one.most > 0 {
			*one.figure = min(*one.figure, one.most)
		}
	}
}

// amount is greedy for what may have no bound.
func amount(shares []share, most int64, figure func(WorstCase) int64) int64 {
	return int64(min(greedy(shares, most, func(c WorstCase) uint64 { return uint64(figure(c)) }), uint64(capability.Unlimited)))
}

// asks adds up what one step of a node, or one element of its foreach, is
// granted: a grant's limits count over all its attempts.
func (w *adder) asks(n *graph.Node) (calls, tokens, cost int64) {
	limits := make([]graph.Limits, 0, len(n.Grants))
	if w.granted == nil {
		for _, g := range n.Grants {
			limits = append(limits, g.Limits)
		}
	}
	for _, g := range w.granted[n] {
		limits = append(limits, g.Limits)
	}
	add := func(total *int64, limit int64) {
		if limit == 0 {
			limit = capability.Unlimited
		}
		*total = min(*total+limit, capability.Unlimited)
	}
	for _, l := range limits {
		add(&calls, l.Calls)
		add(&tokens, l.Tokens)
		add(&cost, l.Cost)
	}
	return calls, tokens, cost
}

// sum is greedy for figures that are signed.
func sum(shares []share, most int64, figure func(WorstCase) uint64) int64 {
	return int64(min(greedy(shares, most, figure), math.MaxInt64))
}

// greedy adds a figure over all activations; where max_steps allows fewer, over
// those that cost most.
func greedy(shares []share, most int64, figure func(WorstCase) uint64) uint64 {
	sorted := slices.Clone(shares)
	slices.SortStableFunc(sorted, func(a, b share) int { return cmp.Compare(figure(b.each), figure(a.each)) })
	var total uint64
	for _, s := range sorted {
		n := min(s.activations, most)
		most -= n
		total = plus(total, times(figure(s.each), uint64(n)))
	}
	return total
}

// step is one activation of a node.
func (w *adder) step(n *graph.Node) WorstCase {
	one := w.once(n)
	if n.Foreach == nil {
		one.Steps = plusSteps(one.Steps)
		return one
	}
	elements := slices.Concat([]ElementCase{{n.Name, WorstCase{
		Steps: one.Steps, Attempts: one.Attempts, Fuel: one.Fuel, Time: one.Time, Waits: one.Waits,
		Calls: one.Calls, Tokens: one.Tokens, Cost: one.Cost,
	}}}, one.Elements)
	return WorstCase{Steps: 1, Elements: elements, Time: n.Deadline}
}

func plusSteps(n int64) int64 {
	if n == math.MaxInt64 {
		return n
	}
	return n + 1
}

// once is what a node does with one document; the step itself is not counted.
func (w *adder) once(n *graph.Node) WorstCase {
	var one WorstCase
	switch n.Kind {
	case graph.KindGraph:
		if n.Sub == nil {
			return one
		}
		one = w.graph(n.Sub)
		one.Elements = slices.Clone(one.Elements)
		for i := range one.Elements {
			one.Elements[i].Step = n.Name + "/" + one.Elements[i].Step
		}
		one.Waits = slices.Clone(one.Waits)
		for i := range one.Waits {
			one.Waits[i] = n.Name + "/" + one.Waits[i]
		}
	case graph.KindWait:
		if one.Time = n.Timeout; one.Time == 0 && n.Deadline == 0 {
			one.Waits = []string{n.Name}
		}
	case graph.KindModule:
		one.Attempts, one.Time = attempts(n)
		one.Fuel = times(n.Fuel, uint64(one.Attempts))
		one.Calls, one.Tokens, one.Cost = w.asks(n)
	}
	if n.Deadline > 0 && n.Foreach == nil {
		one.Time = min(one.Time, n.Deadline)
		if n.Kind == graph.KindWait && n.Timeout == 0 {
			one.Time = n.Deadline
		}
	}
	return one
}

// attempts counts the attempts of a step by its most generous retry rule, and
// the time that they and the intervals between them can take.
func attempts(n *graph.Node) (int64, time.Duration) {
	rules := n.Retry
	if !slices.ContainsFunc(rules, func(r graph.RetryRule) bool { return len(r.On) == 0 }) {
		rules = append(slices.Clip(rules), graph.DefaultRetry())
	}
	most := 1
	var wait uint64
	for _, r := range rules {
		most = max(most, r.MaxAttempts)
		wait = max(wait, intervals(r))
	}
	// The intervals of different rules may follow one another; no sum of them is
	// above that of the longest of each.
	if len(rules) > 1 {
		wait = 0
		for _, r := range rules {
			r.MaxAttempts = most
			wait = plus(wait, intervals(r))
		}
	}
	spent := plus(times(uint64(n.Timeout), uint64(most)), wait)
	return int64(most), time.Duration(min(spent, math.MaxInt64))
}

// intervals is the longest time that the intervals of a rule can take together.
func intervals(r graph.RetryRule) uint64 {
	var total uint64
	interval := float64(r.InitialInterval)
	for i := 1; i < r.MaxAttempts; i++ {
		longest := min(interval, float64(r.MaxInterval))
		each := uint64(math.Ceil(longest * (1 + r.Jitter)))
		if longest >= float64(r.MaxInterval) || r.Multiplier == 1 { // all the others are as long
			total = plus(total, times(each, uint64(r.MaxAttempts-i)))
			break
		}
		total = plus(total, each)
		interval *= r.Multiplier
	}
	return total
}

// activations is how often a node can be activated: max_visits for each time
// that its innermost loop is entered, never more often than the loop has turns.
func (w *adder) activations(n *graph.Node) int64 {
	if n.Loop == nil {
		return 1
	}
	return int64(min(times(min(uint64(n.MaxVisits), w.turnsOf(n.Loop)), w.entries(n.Loop)), math.MaxInt64))
}

// entries is how often a loop can be entered: once in each turn of the loop
// around it.
func (w *adder) entries(l *graph.Loop) uint64 {
	if l.Parent == nil {
		return 1
	}
	return times(w.turnsOf(l.Parent), w.entries(l.Parent))
}

// turnsOf is how many turns a loop can have each time that it is entered. Its
// header is part of each, so that its max_visits is the bound, unless a failure
// edge goes on inside the loop when that is reached; then max_steps alone is.
func (w *adder) turnsOf(l *graph.Loop) uint64 {
	n, ok := w.turns[l]
	if !ok {
		n = uint64(l.Header.MaxVisits)
		if slices.ContainsFunc(l.Header.Outgoing, func(e *graph.Edge) bool {
			return e.Covers(failure.MaxVisits) && !slices.Contains(e.Leaves, l)
		}) {
			n = math.MaxUint64
		}
		w.turns[l] = n
	}
	return n
}

func plus(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

func times(a, b uint64) uint64 {
	if b != 0 && a > math.MaxUint64/b {
		return math.MaxUint64
	}
	return a * b
}
