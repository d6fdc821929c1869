package cli

// A run as a tree of steps.

import (
	"fmt"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/inspect"
)

func (a *app) showRun(r *recorded) {
	v := r.view()
	if a.json {
		a.printJSON(v)
		return
	}
	p := a.newPage()
	p.head(v)
	if len(v.Steps) > 0 {
		p.gap()
		p.tree(v.Steps)
	}
	p.gap()
	p.end(r, v)
}

// head writes what there is to say of the run as a whole.
func (p page) head(v inspect.View) {
	p.fact("run", v.Run)
	p.fact("graph", v.Graph)
	fmt.Fprintf(p.w, "%-11s %s\n", "status", p.status(v.Status))
	if !v.Started.IsZero() {
		text := v.Started.Local().Format("2006-01-02 15:04:05")
		if !v.Ended.IsZero() {
			text += ", took " + short(v.Ended.Sub(v.Started))
		}
		p.fact("started", text)
	}
	p.fact("fuel", thousands(v.Fuel))
	p.fact("used", strings.Join(used(v.Usage), ", "))
	p.fact("digest", v.Digest)
	if f := v.ForkedFrom; f != nil {
		p.fact("forked", forked(f))
	}
	if v.Cassette {
		p.fact("answers", "from a cassette")
	}
	if v.Resumed > 0 {
		p.fact("resumed", times(v.Resumed))
	}
	if len(v.Engines) > 1 { // else it is no news
		p.fact("engines", strings.Join(v.Engines, ", then "))
	}
}

// forked says where a run comes from.
func forked(f *inspect.Fork) string {
	text := "from run " + f.Run
	if f.Step != "" {
		text += fmt.Sprintf(" at step %q", f.Step)
	}
	var other []string
	if f.Input {
		other = append(other, "another input")
	}
	if len(f.State) > 0 {
		other = append(other, "other state: "+strings.Join(f.State, ", "))
	}
	if other != nil {
		text += ", with " + strings.Join(other, " and ")
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// used says what calls of capabilities used up.
func used(u event.Usage) (facts []string) {
	if u.Calls > 0 {
		facts = append(facts, count(int(u.Calls), "call"))
	}
	if n := u.Tokens(); n > 0 {
		facts = append(facts, thousands(uint64(n))+" tokens")
	}
	if u.Cost > 0 {
		facts = append(facts, "cost "+event.CostText(u.Cost))
	}
	return facts
}

// branch is a step with those of the graph inside it.
type branch struct {
	inspect.Step
	turn   string // of its loops: what stands in the brackets of its id
	inside []*branch
}

// treeRows bounds how many rows a person is shown.
const treeRows = 500

// tree writes the steps, those of a graph inside below their step.
func (p page) tree(steps []inspect.Step) {
	var roots []*branch
	byID := make(map[string]*branch, len(steps))
	for _, s := range steps {
		b := &branch{Step: s}
		name := s.Step
		outer := (*branch)(nil)
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			if outer = byID[name[:i]]; outer != nil {
				name = name[i+1:]
			}
		}
		if i := strings.IndexByte(name, '['); i >= 0 {
			b.turn = name[i:]
		}
		byID[s.Step] = b
		if outer == nil {
			roots = append(roots, b)
		} else {
			outer.inside = append(outer.inside, b)
		}
	}
	left := treeRows
	p.branches(roots, 0, &left)
	if left < 0 {
		p.line(0, fmt.Sprintf("… and %s; --json has all", count(-left, "more step")))
	}
}

// keptTurns is how many turns of a long loop are shown at its beginning and its end.
const keptTurns = 3

func (p page) branches(list []*branch, depth int, left *int) {
	for len(list) > 0 {
		turns, end := stay(list)
		if turns == nil {
			p.branch(list[0], depth, left)
			list = list[1:]
			continue
		}
		for i, turn := range turns {
			hidden := len(turns) > 2*keptTurns+2 && i >= keptTurns && i < len(turns)-keptTurns
			if hidden && i == keptTurns {
				p.folded(turns[keptTurns:len(turns)-keptTurns], depth, left)
			}
			for _, b := range turn {
				if !hidden || b.Status != inspect.StepDone && b.Status != inspect.StepSkipped {
					p.branch(b, depth, left)
				}
			}
		}
		list = list[end:]
	}
}

// stay takes the turns of one stay in a loop from the beginning of a list; nil: it does
// not begin with one.
func stay(list []*branch) (turns [][]*branch, end int) {
	for end < len(list) && list[end].turn != "" {
		if end == 0 || list[end].turn != list[end-1].turn {
			if end > 0 && list[end].turn == "[1]" {
				break // the next loop
			}
			turns = append(turns, nil)
		}
		turns[len(turns)-1] = append(turns[len(turns)-1], list[end])
		end++
	}
	return turns, end
}

// folded says in one line what turns that are not shown amount to.
func (p page) folded(turns [][]*branch, depth int, left *int) {
	steps, other := 0, 0
	var fuel uint64
	for _, turn := range turns {
		for _, b := range turn {
			steps++
			fuel += b.Fuel
			if b.Status != inspect.StepDone && b.Status != inspect.StepSkipped {
				other++
			}
		}
	}
	text := fmt.Sprintf("… %s with %s, %s fuel", count(len(turns), "more turn"), count(steps, "step"), thousands(fuel))
	if other > 0 {
		text += "; of those, not done:"
	}
	*left--
	if *left >= 0 {
		p.line(depth, text)
	}
}

// branch writes a step, what is remarkable about it, and what is inside.
func (p page) branch(b *branch, depth int, left *int) {
	if *left--; *left >= 0 {
		p.row(b.Step, depth)
		p.notes(b.Step, depth+2)
	}
	p.branches(b.inside, depth+1, left)
}

func (p page) row(s inspect.Step, depth int) {
	name := s.Step
	if depth > 0 {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	text := fmt.Sprintf("%s%s %-*s", strings.Repeat("  ", depth), p.mark(s.Status), max(24-2*depth, 8), cell(name))
	if facts := facts(s); len(facts) > 0 {
		text += " " + p.style.faint.Render(strings.Join(facts, "  "))
	}
	fmt.Fprintln(p.w, strings.TrimRight(text, " "))
}

// facts are the numbers of a step.
func facts(s inspect.Step) (list []string) {
	if s.Status != inspect.StepDone && s.Status != inspect.StepFailed {
		list = append(list, string(s.Status))
	}
	if s.Elements > 0 {
		list = append(list, elements(s))
	} else if s.Attempts > 1 {
		list = append(list, count(s.Attempts, "attempt"))
	}
	list = append(list, used(s.Usage)...)
	if s.Fuel > 0 {
		list = append(list, thousands(s.Fuel)+" fuel")
	}
	if s.DurationMS > 0 && s.Status != inspect.StepSkipped {
		list = append(list, short(millis(s.DurationMS)))
	}
	if s.From != nil {
		list = append(list, printable(origin(s.From)))
	}
	return list
}

func millis(ms float64) time.Duration { return time.Duration(ms*1000) * time.Microsecond }

func elements(s inspect.Step) string {
	text := count(s.Elements, "element")
	var of []string
	if s.ElementsFailed > 0 {
		of = append(of, thousands(uint64(s.ElementsFailed))+" failed")
	}
	if s.ElementsTaken > 0 {
		of = append(of, thousands(uint64(s.ElementsTaken))+" not executed")
	}
	if extra := s.Attempts - s.Elements; extra > 0 {
		of = append(of, count(s.Attempts, "attempt"))
	}
	if of != nil {
		text += " (" + strings.Join(of, ", ") + ")"
	}
	return text
}

// shownFailures bounds what is told of one step; --step has all.
const shownFailures = 5

// notes writes what is remarkable about a step.
func (p page) notes(s inspect.Step, depth int) {
	for i, f := range s.Failures {
		if i == shownFailures {
			p.line(depth, fmt.Sprintf("… and %s; --step %s has all", count(len(s.Failures)-i, "more failure"), quoted(s.Step)))
			break
		}
		p.line(depth, refusal(f))
		p.some(depth+1, f.Violations, treeViolations, "--step "+quoted(s.Step)+" has more")
	}
	if s.Repaired > 0 {
		p.line(depth, fmt.Sprintf("attempt %d was told so and accepted: repaired", s.Repaired))
	}
	if s.Interrupted > 0 {
		p.line(depth, "interrupted "+times(s.Interrupted))
	}
	if s.RefusedInside > 0 {
		p.line(depth, fmt.Sprintf("%s refused inside, %s repaired", count(s.RefusedInside, "output"), count(s.RepairedInside, "step")))
	}
	if s.ElementsFailed > 0 {
		text := "failed: " + strings.Join(s.FailedElements, ", ")
		if more := s.ElementsFailed - len(s.FailedElements); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		p.line(depth, text)
	}
}

// origin says where an outcome comes from that was not made in the run.
func origin(t *inspect.Taken) string {
	if t.How == inspect.FromCache {
		return fmt.Sprintf("from the cache (run %s, step %q)", t.Run, t.Step)
	}
	return "taken over from run " + t.Run
}

// refusal says why an attempt failed, and when the next one began.
func refusal(f inspect.StepFailure) string {
	what := "failed: "
	if f.Attempt > 0 {
		what = fmt.Sprintf("attempt %d failed: ", f.Attempt)
		if f.Code == failure.InvalidOutput {
			what = fmt.Sprintf("attempt %d was refused: ", f.Attempt)
		}
	}
	text := what + reasons(f.Code, f.Reason, f.Message, f.Violations)
	if f.WaitMS > 0 {
		text += "; tried again after " + short(millis(f.WaitMS))
	}
	return text
}

// reasons is a failure in one line; where violations follow, they are not said twice.
func reasons(code failure.Code, reason, message string, vs []failure.Violation) string {
	if len(vs) == 0 {
		return failure.Failure{Code: code, Reason: reason, Message: message}.String()
	}
	text := string(code)
	if reason != "" {
		text += " (" + reason + ")"
	}
	return text
}

// treeViolations bounds what is told of one attempt in the tree.
const treeViolations = 3

func (p page) violations(depth int, vs []failure.Violation) {
	p.some(depth, vs, shownViolations, "--json has all")
}

// some writes so many violations, and says where there are more.
func (p page) some(depth int, vs []failure.Violation, limit int, more string) {
	for i, v := range vs {
		if i == limit {
			p.line(depth, fmt.Sprintf("and %d more; %s", len(vs)-i, more))
			return
		}
		p.line(depth, v.String())
	}
}

// end writes what came of the run, and what can be done now.
func (p page) end(r *recorded, v inspect.View) {
	if f := v.Failure; f != nil {
		p.fact("failure", failed(f))
		p.violations(1, f.Violations)
		p.fact("what to do", advice(f))
		return
	}
	p.document(0, "output", v.Output)
	switch v.Status {
	case inspect.Waiting:
		for i, step := range v.Waits {
			if i == shownFailures {
				p.line(0, "… and "+count(len(v.Waits)-i, "more step"))
				break
			}
			p.fact("waits", fmt.Sprintf("step %q waits for a signal; to answer:", step))
			p.line(1, commandLine(r.named, "signal", quoted(v.Run), quoted(step), "--data", "'…'"))
		}
	case inspect.Interrupted:
		p.fact("what to do", "no process carries it out; to carry it on: "+commandLine(r.named, "resume", quoted(v.Run)))
	case inspect.Running:
		if owner, err := r.store.Owner(r.ID); err == nil && owner != nil {
			p.fact("running", owner.Error())
		}
	}
}

// failed says which step failed, and why.
func failed(f *failure.Failure) string {
	text := reasons(f.Code, f.Reason, f.Message, f.Violations)
	if f.Step == "" {
		return text
	}
	where := fmt.Sprintf("step %q", f.Step)
	if f.Attempt > 0 {
		where += fmt.Sprintf(", attempt %d", f.Attempt)
	}
	return where + ": " + text
}
