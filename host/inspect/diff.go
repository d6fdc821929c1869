package inspect

// Two runs side by side.

import (
	"crypto/sha256"
	"iter"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
)

// Subject is a run that is compared.
type Subject struct {
	Graph *graph.Graph     // of its plan; nil: not known
	Made  *journal.Sources // what the plan was made of; nil: modules are compared by name
	// Events are those of the run, from the first one on; it need not have ended. They
	// are gone through several times.
	Events iter.Seq[event.Event]
}

// Difference is what two runs have not alike, A and B.
type Difference struct {
	A Side `json:"a"`
	B Side `json:"b"`
	// Equal says that they have one lineage: the same plan, seed, input, outcome of
	// each step and end. Times, ids, and which answers came from a cache make no
	// difference.
	Equal bool `json:"equal"`

	SamePlan bool         `json:"same_plan"`
	Graph    []string     `json:"graph,omitempty"` // keys of the graph that differ: "edges", "state", …
	Nodes    []NodeChange `json:"nodes,omitempty"`
	SameSeed bool         `json:"same_seed"`
	Input    []Change     `json:"input,omitempty"`  // of the runs
	Output   []Change     `json:"output,omitempty"` // of the runs, where both have one

	// First is the first step in canonical order that differs; nil: none does. What a
	// fork has taken over is compared with the last attempt alone.
	First *StepDifference `json:"first,omitempty"`
	// Others counts the further steps that differ and are in both; Steps names the
	// first of them, see [MaxNamed].
	Others int      `json:"others"`
	Steps  []string `json:"steps,omitempty"`
	// OnlyA and OnlyB count the steps that one of them alone has; the lists name the
	// first of them.
	OnlyA      int      `json:"only_a"`
	OnlyB      int      `json:"only_b"`
	StepsOnlyA []string `json:"steps_only_a,omitempty"`
	StepsOnlyB []string `json:"steps_only_b,omitempty"`
}

// Side is one of two runs.
type Side struct {
	Run     string           `json:"run"`
	Graph   string           `json:"graph"`
	Plan    string           `json:"plan"` // its digest
	Status  string           `json:"status"`
	Failure *failure.Failure `json:"failure,omitempty"`
	Digest  string           `json:"digest"` // of the lineage; "" before the end
	Fuel    uint64           `json:"fuel"`
	Steps   int              `json:"steps"`
}

// StepDifference is a step that two runs have not alike.
type StepDifference struct {
	Step string `json:"step"`
	Node string `json:"node"`
	// Only is "a" or "b" where the other run has no such step.
	Only string `json:"only,omitempty"`
	// How names what differs: "input", "config", "status", "output", "failure",
	// "attempts", "fuel".
	How []string `json:"how"`
	// What documents differ in, at most [MaxChanges] places each; More says that there
	// are more of them.
	Input  []Change `json:"input,omitempty"`
	Config []Change `json:"config,omitempty"`
	Output []Change `json:"output,omitempty"`
	More   bool     `json:"more,omitempty"`

	A *StepDetail `json:"a,omitempty"`
	B *StepDetail `json:"b,omitempty"`
}

// MaxChanges is in how many places two documents are said to differ.
const MaxChanges = 100

// Diff compares two runs: their plans, what they began with, and step by step what came
// of them. It goes through each journal at most three times.
func Diff(a, b Subject) Difference {
	x, y := foldSubject(a), foldSubject(b)
	d := Difference{A: x.side(), B: y.side(), SamePlan: x.started.Plan == y.started.Plan, SameSeed: x.started.Seed == y.started.Seed}
	if !d.SamePlan {
		c := comparison{madeA: a.Made, madeB: b.Made, seen: map[[2]*graph.Graph]bool{}}
		d.Graph = c.compare(a.Graph, b.Graph, ".", ".", "")
		d.Nodes = c.nodes
	}
	d.Input, _ = Changes(x.started.Input, y.started.Input, MaxChanges)
	if d.A.Status == string(event.Done) && d.B.Status == d.A.Status {
		d.Output, _ = Changes(x.view.Output, y.view.Output, MaxChanges)
	}
	first := d.steps(x, y)
	if first != "" {
		d.First = compareStep(a, b, x.steps[first], y.steps[first])
	}
	switch {
	case d.A.Digest != "" || d.B.Digest != "":
		d.Equal = d.A.Digest == d.B.Digest
	default: // none has ended; they are alike so far
		d.Equal = d.SamePlan && d.SameSeed && d.Input == nil && d.First == nil
	}
	return d
}

// folded is a run with what its view was made of.
type folded struct {
	folder
	view   View
	tracks []*track // in canonical order
}

func foldSubject(s Subject) folded {
	f := newFolder(s.Graph)
	v := f.fold(s.Events)
	return folded{folder: *f, view: v, tracks: slices.SortedFunc(maps.Values(f.steps), inOrder)}
}

func (f folded) side() Side {
	return Side{
		Run: f.view.Run, Graph: f.view.Graph, Plan: f.started.Plan, Status: f.view.Status, Failure: f.view.Failure,
		Digest: f.view.Digest, Fuel: f.view.Fuel, Steps: len(f.view.Steps),
	}
}

// steps compares the steps and gives the first that differs; "": none does. Where both
// runs have a step, the order is that of A.
func (d *Difference) steps(x, y folded) (first string) {
	inX, inY := byID(x.counted()), byID(y.counted())
	order := x.counted()
	for _, s := range y.counted() {
		if inX[s.Step.Step] == nil {
			order = append(order, s)
		}
	}
	slices.SortStableFunc(order, inOrder)
	for _, s := range order {
		id := s.Step.Step
		one, other := inX[id], inY[id]
		switch {
		case other == nil:
			d.OnlyA++
			d.StepsOnlyA = named(d.StepsOnlyA, id)
		case one == nil:
			d.OnlyB++
			d.StepsOnlyB = named(d.StepsOnlyB, id)
		case alike(one, other):
			continue
		case first != "":
			d.Others++
			d.Steps = named(d.Steps, id)
		}
		if first == "" {
			first = id
		}
	}
	return first
}

func byID(tracks []*track) map[string]*track {
	m := make(map[string]*track, len(tracks))
	for _, s := range tracks {
		m[s.Step.Step] = s
	}
	return m
}

// counted are the steps that the lineage counts: of a run that has ended not those
// whose beginning or end depended on timing.
func (f folded) counted() (list []*track) {
	if f.finished == nil {
		return slices.Clone(f.tracks)
	}
	var cuts []cut
	if why := f.finished.Failure; why != nil && why.Step != "" && why.Code != failure.MaxSteps && why.Code != failure.Budget {
		cuts = append(cuts, f.cut(nil, why.Step))
	}
	for _, s := range f.tracks {
		if s.Status == StepCanceled || len(s.outcomes) == 0 || slices.ContainsFunc(cuts, func(c cut) bool { return c.drops(s.place) }) {
			continue
		}
		list = append(list, s)
		if failed, ok := s.outcomes[len(s.outcomes)-1].(event.StepFailed); ok && isComposite(s.node) {
			cuts = append(cuts, f.cutOf(s, failed.Failure))
		}
	}
	return list
}

func named(list []string, id string) []string {
	if len(list) >= MaxNamed {
		return list
	}
	return append(list, id)
}

// alike reports whether the same came of a step in both runs. What a fork has taken
// over stands for all attempts there: then the last outcomes are compared.
func alike(a, b *track) bool {
	if !takenOver(a) && !takenOver(b) {
		return a.fingerprint() == b.fingerprint()
	}
	if len(a.outcomes) == 0 || len(b.outcomes) == 0 || a.Status != b.Status || a.Node != b.Node {
		return false
	}
	x, y := digester{sha256.New()}, digester{sha256.New()}
	x.outcome(unnumbered(a.outcomes[len(a.outcomes)-1]))
	y.outcome(unnumbered(b.outcomes[len(b.outcomes)-1]))
	return [sha256.Size]byte(x.Sum(nil)) == [sha256.Size]byte(y.Sum(nil))
}

func takenOver(s *track) bool { return s.From != nil && s.From.How == FromFork }

// unnumbered is an outcome whichever attempt it was of.
func unnumbered(o event.Body) event.Body {
	switch o := o.(type) {
	case event.AttemptSucceeded:
		o.Number = 1
		return o
	case event.AttemptFailed:
		o.Number = 1
		return o
	default:
		return o
	}
}

// fingerprint is over what came of a step, as the lineage's digest is.
func (s *track) fingerprint() [sha256.Size]byte {
	w := digester{sha256.New()}
	w.text(s.Node)
	w.text(string(s.Status))
	for _, o := range s.outcomes {
		w.outcome(o)
	}
	return [sha256.Size]byte(w.Sum(nil))
}

// compareStep says how a step differs. One of the tracks may be nil.
func compareStep(a, b Subject, x, y *track) *StepDifference {
	d := &StepDifference{How: []string{}}
	detail := func(s Subject, t *track) *StepDetail {
		if t == nil {
			return nil
		}
		d.Step, d.Node = t.Step.Step, t.Node
		found, err := Detail(s.Graph, s.Events, d.Step)
		if err != nil {
			return nil // the fold has it
		}
		return &found
	}
	d.A, d.B = detail(a, x), detail(b, y)
	switch {
	case d.A == nil:
		d.Only = onlyB
		return d
	case d.B == nil:
		d.Only = onlyA
		return d
	}
	documents := func(how string, to *[]Change, a, b document.Document) {
		changes, more := Changes(a, b, MaxChanges)
		*to, d.More = changes, d.More || more
		d.note(how, changes != nil)
	}
	if d.A.Doubt == "" && d.B.Doubt == "" { // else they are not known
		documents("input", &d.Input, d.A.Input, d.B.Input)
	}
	documents("config", &d.Config, d.A.Config, d.B.Config)
	d.note("status", d.A.Status != d.B.Status)
	documents("output", &d.Output, d.A.Output, d.B.Output)
	d.note("failure", !sameFailures(x.Failures, y.Failures))
	d.note("attempts", d.A.Attempts != d.B.Attempts)
	d.note("fuel", d.A.Fuel != d.B.Fuel)
	return d
}

func (d *StepDifference) note(how string, differs bool) {
	if differs {
		d.How = append(d.How, how)
	}
}

// sameFailures compares what a lineage compares.
func sameFailures(a, b []StepFailure) bool {
	return slices.EqualFunc(a, b, func(x, y StepFailure) bool {
		return x.Code == y.Code && x.Reason == y.Reason && slices.EqualFunc(x.Violations, y.Violations, func(v, w failure.Violation) bool {
			return v.Pointer == w.Pointer && v.Keyword == w.Keyword
		}) && (!slices.Contains(foreign, x.Code) || x.Message == y.Message)
	})
}
