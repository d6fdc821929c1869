package simulate

// Calls of capabilities: what attempts ask, and what budgets must do.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/stepper"
)

// Call is what an attempt asks of a capability, while it is under way.
type Call struct {
	Asked, Answered time.Duration // after the attempt's start
	Fact            event.CapabilityAnswered
	// Lost says that the attempt ends without an answer.
	Lost bool
}

// Refused is the fact that the run's budget had no room for the call.
func (c Call) Refused() event.CapabilityAnswered {
	c.Fact.Usage = event.Usage{}
	c.Fact.Failure = &failure.Failure{Code: failure.Budget, Message: "no room"}
	return c.Fact
}

// Calls gives what an attempt asks, in order: like its outcome a function of the
// seed and the attempt.
func (c *Case) Calls(schedule uint64, a event.Attempt) []Call {
	if hash("calls", strconv.FormatUint(c.Seed, 10))%3 == 0 || c.waits[a.Node] {
		return nil
	}
	luck := rand.New(rand.NewPCG(c.Seed, hash("asks", a.Step, strconv.Itoa(a.Number))))
	if luck.IntN(3) > 0 {
		return nil
	}
	list := make([]Call, 1+luck.IntN(4))
	part := c.Took(schedule, a) / time.Duration(2*len(list)+1)
	if part == 0 {
		return nil // there is no time to
	}
	for i := range list {
		fact := event.CapabilityAnswered{Attempt: a, Ordinal: i + 1, Capability: []string{"x", "y", "z"}[luck.IntN(3)], Method: "m"}
		switch luck.IntN(6) {
		case 0:
			fact.Failure = &failure.Failure{Code: failure.CapabilityDenied}
		case 1:
			fact.Failure = &failure.Failure{Code: failure.CapabilityError, Retryable: true}
			fact.Usage = event.Usage{Calls: 1, Bytes: luck.Int64N(100)}
		default:
			fact.Usage = event.Usage{Calls: 1, Bytes: luck.Int64N(100), InputTokens: luck.Int64N(50), OutputTokens: luck.Int64N(50), Cost: luck.Int64N(1e6)}
		}
		list[i] = Call{
			Asked: part * time.Duration(2*i+1), Answered: part * time.Duration(2*i+2), Fact: fact,
			Lost: i == len(list)-1 && luck.IntN(4) == 0,
		}
	}
	return list
}

// Limit gives a graph of the case, or a subgraph, a budget that a run which spends
// this much may or may not meet. What it gives takes the budget away again; nil:
// there is nothing to bound.
func (c *Case) Limit(spent event.Usage) (undo func()) {
	r := hash("budget", strconv.FormatUint(c.Seed, 10))
	luck := rand.New(rand.NewPCG(c.Seed, r))
	graphs := c.Graph.All()
	if spent.Calls == 0 {
		return nil
	}
	limit := func(n int64) int64 { return 1 + luck.Int64N(n+n/4+1) }
	limited := map[*graph.Graph]*graph.Budget{graphs[luck.IntN(len(graphs))]: {}, graphs[luck.IntN(len(graphs))]: {}}
	for _, g := range graphs {
		b := limited[g]
		if b == nil {
			continue
		}
		switch luck.IntN(4) {
		case 0:
			b.Calls = limit(spent.Calls)
		case 1:
			b.Tokens = limit(spent.Tokens())
		case 2:
			b.Cost = limit(spent.Cost)
		default:
			*b = graph.Budget{Calls: limit(spent.Calls), Tokens: limit(spent.Tokens()), Cost: limit(spent.Cost)}
		}
		g.Budget = b
	}
	return func() {
		for g := range limited {
			g.Budget = nil
		}
	}
}

// Spent is what the calls of a run used up.
func Spent(events []event.Event) (u event.Usage) {
	for _, e := range events {
		if b, ok := e.Body.(event.CapabilityAnswered); ok {
			u = u.Plus(b.Usage)
		}
	}
	return u
}

// Budgets says what is wrong with how the budgets of the case's graphs have ended,
// or not ended, a run; "": nothing. stopped reports whether one has.
func (c *Case) Budgets(events []event.Event) (text string, stopped bool) {
	used := map[string]event.Usage{} // by the step whose subgraph it is, "" for the run's
	var at time.Time
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.CapabilityAnswered:
			if stopped {
				return "a call was recorded after a budget had ended the run", true
			}
			stopped, at = b.Failure != nil && b.Failure.Code == failure.Budget, e.Time
			for around := range framesOf(b.Step) {
				used[around] = used[around].Plus(b.Usage)
				l := c.budgetOf(around)
				if l == nil {
					continue
				}
				u := used[around]
				if l.Calls > 0 && u.Calls > l.Calls {
					return fmt.Sprintf("%d calls were made, of %d", u.Calls, l.Calls), stopped
				}
				stopped = stopped || l.Tokens > 0 && u.Tokens() > l.Tokens || l.Cost > 0 && u.Cost > l.Cost
			}
		case event.AttemptStarted:
			if stopped {
				return fmt.Sprintf("an attempt of %s began after a budget had ended the run", b.Step), true
			}
		case event.RunFinished:
			switch by := b.Failure != nil && b.Failure.Code == failure.Budget; {
			case by != stopped:
				return fmt.Sprintf("the run ended with %+v; its budget ended it: %v", b.Failure, stopped), stopped
			case stopped && !e.Time.Equal(at):
				return fmt.Sprintf("the run went on for %v", e.Time.Sub(at)), true
			case stopped && !strings.Contains(b.Failure.Message, "in [budget]"):
				return fmt.Sprintf("it does not say what to do: %q", b.Failure.Message), true
			}
		default:
			// It has nothing to do with budgets.
		}
	}
	return "", stopped
}

// budgetOf gives the budget of the graph inside of a step, or of the run's.
func (c *Case) budgetOf(step string) *graph.Budget {
	if step == "" {
		return c.Graph.Budget
	}
	for _, g := range c.Graph.All() {
		if n := g.Node(nodeOf(step)); n != nil && n.Sub != nil {
			return n.Sub.Budget
		}
	}
	return nil
}

// framesOf gives the graphs that a step is inside of, each by the step whose
// subgraph it is.
func framesOf(step string) func(func(string) bool) {
	return func(yield func(string) bool) {
		if !yield("") {
			return
		}
		for i := range step {
			if step[i] == '/' && !yield(step[:i]) {
				return
			}
		}
	}
}

// sameUse says what an attempt was told of what its step had used otherwise than
// the events have it; "": nothing.
func (c *Case) sameUse(events []event.Event, inputs map[event.Attempt]stepper.Invoke) string {
	used, rejected := map[string]map[string]event.Usage{}, map[string]int{}
	for _, e := range events {
		switch b := e.Body.(type) {
		case event.CapabilityAnswered:
			if used[b.Step] == nil {
				used[b.Step] = map[string]event.Usage{}
			}
			used[b.Step][b.Capability] = used[b.Step][b.Capability].Plus(b.Usage)
		case event.AttemptFailed:
			if b.Failure.Code == failure.InvalidOutput {
				rejected[b.Step]++
			}
		case event.AttemptStarted:
			call, ok := inputs[b.Attempt]
			if !ok {
				continue
			}
			var want []stepper.Used
			for _, name := range []string{"x", "y", "z"} {
				if u, ok := used[b.Step][name]; ok {
					want = append(want, stepper.Used{Capability: name, Usage: u})
				}
			}
			if !slices.Equal(call.Used, want) || call.Rejected != rejected[b.Step] {
				return fmt.Sprintf("attempt %d of %s was told that %v was used and %d rejected, not %v and %d",
					b.Number, b.Step, call.Used, call.Rejected, want, rejected[b.Step])
			}
		default:
			// It is no use of anything.
		}
	}
	if got, want := inspect.Fold(c.Graph, slices.Values(events)).Usage, Spent(events); got != want {
		return fmt.Sprintf("the run has used %+v; the view says %+v", want, got)
	}
	return ""
}
