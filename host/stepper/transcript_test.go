package stepper_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/host/stepper/scenario"
)

var update = flag.Bool("update", false, "rewrite the transcripts of the scenarios")

// TestScenarios carries out each scenario and compares its transcript; the run,
// folded again from its events at each batch, must go on in the same way.
func TestScenarios(t *testing.T) {
	all, err := scenario.All()
	if err != nil || len(all) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			g, err := s.Graph()
			if err != nil {
				t.Fatal(err)
			}
			w := &world{graph: g, nodes: s.Script.Invoke, calls: s.Script.Calls, input: s.Script.Input, cancelAt: s.Script.CancelAt, signals: s.Script.Signals, stops: s.Script.Stops, forked: s.Script.Forked}
			w.run(t)
			w.checkFolding(t)
			commands := make([][]stepper.Command, len(w.events))
			for _, c := range w.said {
				commands[c.after-1] = append(commands[c.after-1], c.command)
			}
			got := scenario.Transcript(w.events, commands)
			if got == s.Transcript {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, s.Transcript)
			}
			name := filepath.Join("scenario", "testdata", s.Name+".txtar")
			if err := os.WriteFile(name, s.Rewritten(got), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}
