package cli

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
)

// docs/errors.md lists every code that there is, in the order of the code, and
// no other.
func TestErrorsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	var want []string
	for _, c := range failure.Codes() {
		want = append(want, string(c))
	}
	want = append(want, graph.DiagnosticCodes()...)
	want = append(want, plan.DiagnosticCodes()...)
	want = append(want, codeGraphUnreadable)
	if !slices.Equal(listed, want) {
		t.Errorf("docs/errors.md lists\n%q\nthe code has\n%q", listed, want)
	}
}
