package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/inspect"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// exitDifferent is what diff(1) says of two files that differ.
const exitDifferent = 1

// diffCommand compares two runs.
func (a *app) diffCommand() *cobra.Command {
	var store string
	c := &cobra.Command{
		Use:   "diff RUN1 RUN2",
		Short: "Compare two runs: where they part, and how",
		Long: `Compares two runs that are in the store: their graphs by content, inputs and seeds;
the first step that differs, with its documents side by side; how many others do.

Exit codes: 0 the runs have one lineage, 1 they differ, 2 usage, 7 a run cannot be
read.`,
		Example: "  chainrun diff 01JD 01JE\n  chainrun diff 01JD 01JE --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("expected the ids of two runs, found %d arguments", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1], store) },
	}
	addStoreFlag(c, &store)
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			args = nil
		}
		return a.completeRuns(c, args, begun)
	}
	return c
}

func (a *app) diff(one, other, path string) error {
	ctx, stop := interruptible()
	defer stop()
	s, err := a.readStore(ctx, path)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	x, err := a.readRun(ctx, s, one)
	if err != nil {
		return err
	}
	y, err := a.readRun(ctx, s, other)
	if err != nil {
		return err
	}
	d := inspect.Diff(x.subject(), y.subject())
	owned(ctx, s, &d.A)
	owned(ctx, s, &d.B)
	if a.json {
		a.printJSON(d)
	} else {
		a.newPage().difference(d, columns(a))
	}
	for _, r := range []*recorded{x, y} {
		if err := a.readable(r); err != nil {
			return err
		}
	}
	if !d.Equal {
		return said(exitDifferent)
	}
	return nil
}

func (r *recorded) subject() inspect.Subject {
	return inspect.Subject{Graph: r.graph, Made: r.made, Events: r.events()}
}

// owned says of a run that has not ended whether a process carries it out.
func owned(_ context.Context, s *sqlite.Store, side *inspect.Side) {
	if side.Status == inspect.Running {
		if owner, err := s.Owner(side.Run); err == nil && owner == nil {
			side.Status = inspect.Interrupted
		}
	}
}

// The widths of what stands side by side: of what is no terminal, and the least.
const (
	defaultColumns = 100
	narrowColumns  = 80
)

func columns(a *app) int {
	if n := width(a.Out); n > 0 {
		return n
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return defaultColumns
}

// sides writes rows of two columns; where there is no room for those, one below the
// other.
type sides struct {
	page
	columns int
}

const keyWidth = 12

func (s sides) row(key, a, b string) {
	a, b = cell(a), cell(b)
	if s.columns < narrowColumns {
		s.line(0, key)
		s.line(1, "- "+a)
		s.line(1, "+ "+b)
		return
	}
	half := (s.columns - keyWidth - 2) / 2
	if len([]rune(key)) > keyWidth-1 { // a long pointer has a line of its own
		s.line(0, key)
		key = ""
	}
	text := fmt.Sprintf("%-*s%-*s  %s", keyWidth, key, half, clip(a, half), clip(b, half))
	fmt.Fprintln(s.w, strings.TrimRight(text, " "))
}

// fact writes a row where the two differ, and else one value.
func (s sides) fact(key, a, b string) {
	if a == b {
		if a != "" {
			s.page.fact(key, a)
		}
		return
	}
	s.row(key, orNothing(a), orNothing(b))
}

func orNothing(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// difference writes a comparison for a person.
func (p page) difference(d inspect.Difference, columns int) {
	s := sides{p, columns}
	s.row("run", d.A.Run, d.B.Run)
	s.fact("graph", d.A.Graph, d.B.Graph)
	s.fact("status", d.A.Status, d.B.Status)
	s.fact("steps", thousands(uint64(d.A.Steps)), thousands(uint64(d.B.Steps)))
	s.fact("fuel", thousands(d.A.Fuel), thousands(d.B.Fuel))
	s.fact("digest", d.A.Digest, d.B.Digest)
	if d.Equal {
		p.gap()
		p.line(0, "The two runs have one lineage.")
		return
	}
	p.gap()
	s.began(d)
	if d.First == nil {
		p.line(0, "No step differs. (What a fork has taken over stands for all attempts there.)")
	} else {
		s.first(d.First)
		s.others(d)
	}
	s.changes("output", d.Output)
	if d.A.Failure != nil || d.B.Failure != nil {
		why := [2]string{}
		for i, f := range []inspect.Side{d.A, d.B} {
			if f.Failure != nil {
				why[i] = failed(f.Failure)
			}
		}
		s.fact("failure", why[0], why[1])
	}
}

// began says what the runs began with.
func (s sides) began(d inspect.Difference) {
	if d.SamePlan {
		s.page.fact("plan", "the same")
	} else {
		s.page.fact("plan", "another: "+graphChanges(d))
	}
	if !d.SameSeed {
		s.page.fact("seed", "another")
	}
	if len(d.Input) == 0 {
		s.page.fact("input", "the same")
	}
	s.changes("input", d.Input)
	s.gap()
}

// graphChanges says which parts of two graphs differ.
func graphChanges(d inspect.Difference) string {
	var list []string
	if len(d.Graph) > 0 {
		list = append(list, "the graph's "+strings.Join(d.Graph, ", "))
	}
	for i, n := range d.Nodes {
		switch {
		case i == inspect.MaxNamed:
			list = append(list, count(len(d.Nodes)-i, "more node"))
		case i > inspect.MaxNamed:
		case n.Only == "a":
			list = append(list, fmt.Sprintf("node %q only in the first", n.Node))
		case n.Only == "b":
			list = append(list, fmt.Sprintf("node %q only in the second", n.Node))
		default:
			list = append(list, fmt.Sprintf("node %q: %s", n.Node, strings.Join(n.Keys, ", ")))
		}
	}
	if list == nil {
		return "by what its modules say of themselves, or by the version of chainrun"
	}
	return strings.Join(list, "; ")
}

// first writes the first step that differs.
func (s sides) first(f *inspect.StepDifference) {
	switch f.Only {
	case "a":
		s.line(0, fmt.Sprintf("The first step that differs is %q: only the first run has it.", f.Step))
		return
	case "b":
		s.line(0, fmt.Sprintf("The first step that differs is %q: only the second run has it.", f.Step))
		return
	}
	s.line(0, fmt.Sprintf("The first step that differs is %q, by its %s.", f.Step, strings.Join(f.How, ", ")))
	if f.A.Status != f.B.Status {
		s.row("status", string(f.A.Status), string(f.B.Status))
	}
	if f.A.Attempts != f.B.Attempts {
		s.row("attempts", strconv.Itoa(f.A.Attempts), strconv.Itoa(f.B.Attempts))
	}
	if f.A.Fuel != f.B.Fuel {
		s.row("fuel", thousands(f.A.Fuel), thousands(f.B.Fuel))
	}
	for i := range max(len(f.A.Failures), len(f.B.Failures)) {
		if i == shownFailures {
			break
		}
		s.fact("failure", failureAt(f.A, i), failureAt(f.B, i))
	}
	s.changes("input", f.Input)
	s.changes("config", f.Config)
	s.changes("output", f.Output)
	if f.More {
		s.line(0, "… there are more places than are shown")
	}
}

func failureAt(d *inspect.StepDetail, i int) string {
	if i >= len(d.Failures) {
		return ""
	}
	parts := []string{refusal(d.Failures[i])}
	for _, v := range d.Failures[i].Violations {
		parts = append(parts, v.String())
	}
	return strings.Join(parts, "; ")
}

// shownChanges bounds how many places of a document are shown; --json has more.
const shownChanges = 20

// changes writes where two documents differ.
func (s sides) changes(name string, list []inspect.Change) {
	if len(list) == 0 {
		return
	}
	s.line(0, name)
	for i, c := range list {
		if i == shownChanges {
			s.line(1, fmt.Sprintf("… and %s; --json has them", count(len(list)-i, "more place")))
			return
		}
		pointer := c.Pointer
		if pointer == "" {
			pointer = "all of it"
		}
		s.row("  "+cell(pointer), s.value(c.A), s.value(c.B))
	}
}

func (s sides) value(d document.Document) string {
	if d.IsZero() {
		return "–"
	}
	return brief(d, s.columns)
}

// others says which further steps differ.
func (s sides) others(d inspect.Difference) {
	tell := func(n int, noun, what string, names []string) {
		if n == 0 {
			return
		}
		text := fmt.Sprintf("%s %s: %s", count(n, noun), what, strings.Join(names, ", "))
		if more := n - len(names); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		s.line(0, text)
	}
	s.gap()
	differ := "differ"
	if d.Others == 1 {
		differ = "differs"
	}
	tell(d.Others, "more step", differ, d.Steps)
	tell(d.OnlyA, "step", "only in the first", d.StepsOnlyA)
	tell(d.OnlyB, "step", "only in the second", d.StepsOnlyB)
}
