package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/inspect"
)

func printed(write func(p page)) string {
	var b strings.Builder
	a := &app{Streams: Streams{Out: &b}}
	write(a.newPage())
	return b.String()
}

// TestDocumentsAreClipped: a person reads the beginning, and is told of the rest.
func TestDocumentsAreClipped(t *testing.T) {
	for name, c := range map[string]struct{ document, want string }{
		"short":        {`{"a":1}`, "input       {\"a\":1}\n"},
		"absent":       {``, ""},
		"steering":     {"\"a\u202eb\u0085c\"", "input       \"a·b·c\"\n"},
		"a long line":  {`"` + strings.Repeat("é", 300) + `"`, "input       \"" + strings.Repeat("é", 158) + "…\n  (long lines are clipped; --json has all of it)\n"},
		"two lines":    {`{"text":"` + strings.Repeat("x", 70) + `"}`, "input\n  {\n    \"text\": \"" + strings.Repeat("x", 70) + "\"\n  }\n"},
		"exactly fits": {`"` + strings.Repeat("x", 70) + `"`, "input       \"" + strings.Repeat("x", 70) + "\"\n"},
	} {
		var d document.Document
		if c.document != "" {
			d = document.MustParse(c.document)
		}
		if got := printed(func(p page) { p.document(0, "input", d) }); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, c.want)
		}
	}
	long := printed(func(p page) { p.document(1, "output", document.MustParse("["+strings.Repeat("1,", 999)+"1]")) })
	if !strings.Contains(long, "(962 more lines; --json has all of it)") || strings.Count(long, "\n") != shownLines+2 {
		t.Errorf("%s", long)
	}
}

// TestTreeIsBounded: of loops the first and last turns are shown, with what is odd in
// between; of everything else the first steps.
func TestTreeIsBounded(t *testing.T) {
	var steps []inspect.Step
	add := func(id string, status inspect.StepStatus) {
		steps = append(steps, inspect.Step{Step: id, Node: "n", Status: status, Fuel: 1})
	}
	for turn := range 100 {
		status := inspect.StepDone
		if turn == 49 {
			status = inspect.StepFailed
		}
		add(fmt.Sprintf("sub/draft[%d]", turn+1), inspect.StepDone)
		add(fmt.Sprintf("sub/check[%d]", turn+1), status)
	}
	add("sub/other[1]", inspect.StepDone) // another loop
	add("sub/other[2]", inspect.StepDone)
	steps = append([]inspect.Step{{Step: "sub", Node: "sub", Status: inspect.StepDone}}, steps...)
	got := printed(func(p page) { p.tree(steps) })
	for _, want := range []string{
		"\n  ✓ draft[3]", "\n  … 94 more turns with 188 steps, 188 fuel; of those, not done:\n  ✗ check[50]", "\n  ✓ draft[98]", "\n  ✓ other[1]", "\n  ✓ other[2]",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 1+6+2+6+2 {
		t.Errorf("%d lines:\n%s", n, got)
	}
	steps = nil
	for i := range 2 * treeRows {
		add(fmt.Sprintf("n%d", i), inspect.StepDone)
	}
	if got := printed(func(p page) { p.tree(steps) }); strings.Count(got, "\n") != treeRows+1 || !strings.HasSuffix(got, "… and 500 more steps; --json has all\n") {
		t.Errorf("%s", got[len(got)-200:])
	}
}

// TestSides: what has no room beside the other comes below it.
func TestSides(t *testing.T) {
	write := func(columns int) string {
		return printed(func(p page) {
			s := sides{p, columns}
			s.fact("same", "x", "x")
			s.fact("only", "", "y")
			s.row("/a/long/pointer", strings.Repeat("a", 60), "b\nb")
		})
	}
	wide := "same        x\nonly        –" + strings.Repeat(" ", 43+1) + "y\n/a/long/pointer\n" + strings.Repeat(" ", 12) + strings.Repeat("a", 42) + "…  b b\n"
	if got := write(100); got != wide {
		t.Errorf("got\n%s\nwant\n%s", got, wide)
	}
	narrow := "same        x\nonly\n  - –\n  + y\n/a/long/pointer\n  - " + strings.Repeat("a", 60) + "\n  + b b\n"
	if got := write(60); got != narrow {
		t.Errorf("got\n%s\nwant\n%s", got, narrow)
	}
}
