package stepper_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/stepper"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts runs each file of testdata: the graph in graph.toml (or in
// sketch, see sketched, where it has what Build refuses so far), with the
// nodes doing what the file script says, must give what the file transcript
// says. The sentence of the design that it shows stands above the files.
//
// A line of script is one of
//
//	input JSON                  the run's input; {} else
//	cancel @TIME                somebody asks the run to stop
//	WHO = JSON                  the output
//	WHO ! {"code": …}           the failure, as package failure writes it
//
// with WHO a node, a step ("check[2]") or an attempt of a step ("check[2] 1"),
// the closest counts, and "@TIME" before = or ! where it takes longer than
// 1 ms. A node of which nothing is said gives its input back.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(archive.Comment)) == 0 {
				t.Error("it does not say what it shows")
			}
			got := transcript(t, graphOf(t, archive), file(archive, "script"))
			if want := file(archive, "transcript"); string(want) != got {
				if !*update {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
					return
				}
				setFile(archive, "transcript", got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func file(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func setFile(a *txtar.Archive, name, text string) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = []byte(text)
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
}

// graphOf reads the archive's graph.toml, or its sketch.
func graphOf(t *testing.T, a *txtar.Archive) *graph.Graph {
	t.Helper()
	if text := file(a, "sketch"); text != nil {
		return sketched(t, string(text))
	}
	g, found := graphfile.Load("graph.toml", file(a, "graph.toml"), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	return g
}

// transcript runs a graph and writes down what happened.
func transcript(t *testing.T, g *graph.Graph, text []byte) string {
	t.Helper()
	s := newScript(t, text)
	w := &world{graph: g, nodes: s.invoke, input: s.input, cancelAt: s.cancel}
	w.run(t)
	w.checkFolding(t)
	var b strings.Builder
	commands := w.said
	for i, e := range w.events {
		fmt.Fprintf(&b, "%-8s %s\n", e.Time.Sub(epoch).Round(time.Millisecond), fact(t, e.Body))
		for len(commands) > 0 && commands[0].after == i+1 {
			if text := asked(commands[0].command); text != "" {
				fmt.Fprintf(&b, "%-8s   %s\n", "", text)
			}
			commands = commands[1:]
		}
	}
	return exprText.ReplaceAllString(b.String(), "no such key")
}

// exprText is how package expr words an error, which is its own affair.
var exprText = regexp.MustCompile(`no such key: \\?"missing\\?"( in [a-z.]+)?( \(column \d+\))?`)

// fact writes an event so that a person reads it.
func fact(t *testing.T, body event.Body) string {
	t.Helper()
	switch b := body.(type) {
	case event.RunStarted:
		return fmt.Sprintf("run started with %s", b.Input)
	case event.AttemptStarted:
		return fmt.Sprintf("%s started", attemptName(b.Attempt))
	case event.AttemptSucceeded:
		return fmt.Sprintf("%s gave %s", attemptName(b.Attempt), b.Output)
	case event.AttemptFailed:
		text := fmt.Sprintf("%s failed: %s", attemptName(b.Attempt), reason(b.Failure))
		if !b.Output.IsZero() {
			text += fmt.Sprintf(" (it gave %s)", b.Output)
		}
		return text
	case event.StepSkipped:
		return b.Step + " skipped"
	case event.StepFailed:
		return fmt.Sprintf("%s failed without an attempt: %s", b.Step, reason(b.Failure))
	case event.TimerFired:
		return "timer " + b.Timer
	case event.CancelRequested:
		return "cancel requested: " + b.Reason
	case event.RunFinished:
		if b.Failure != nil {
			return fmt.Sprintf("run %s: %s", b.Status, where(*b.Failure)+reason(*b.Failure))
		}
		return fmt.Sprintf("run %s with %s", b.Status, b.Output)
	}
	t.Fatalf("unknown fact %T", body)
	return ""
}

func where(f failure.Failure) string {
	if f.Step == "" {
		return ""
	}
	return f.Step + ": "
}

func reason(f failure.Failure) string {
	text := string(f.Code)
	if f.Message != "" {
		text += ", " + f.Message
	}
	for _, v := range f.Violations {
		text += fmt.Sprintf("; %s %s", v.Pointer, v.Message)
	}
	return text
}

// asked writes a command.
func asked(c stepper.Command) string {
	switch c := c.(type) {
	case stepper.Invoke:
		text := fmt.Sprintf("call %s with %s", attemptName(c.Attempt), c.Input)
		for _, v := range c.Feedback {
			text += fmt.Sprintf(" feedback %s %s", v.Pointer, v.Message)
		}
		return text
	case stepper.Wake:
		return fmt.Sprintf("wake %s at %s", c.Timer, c.At.Sub(epoch).Round(time.Millisecond))
	case stepper.Abort:
		return fmt.Sprintf("abort %s (%s)", attemptName(c.Attempt), c.Cause)
	}
	return ""
}

// script is what the nodes of a transcript do.
type script struct {
	t      *testing.T
	input  document.Document
	cancel time.Duration
	lines  map[string]answer
}

type answer struct {
	outcome event.Outcome
	took    time.Duration
}

func newScript(t *testing.T, text []byte) *script {
	t.Helper()
	s := &script{t: t, input: document.MustParse(`{}`), lines: map[string]answer{}}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			s.read(line)
		}
	}
	return s
}

func (s *script) read(line string) {
	s.t.Helper()
	if rest, ok := strings.CutPrefix(line, "input "); ok {
		s.input = document.MustParse(rest)
		return
	}
	i := strings.IndexAny(line, "=!")
	if i < 0 {
		i = len(line)
	}
	who, at, _ := strings.Cut(line[:i], "@")
	who = strings.TrimSpace(who)
	a := answer{took: time.Millisecond}
	if at != "" {
		d, err := time.ParseDuration(strings.TrimSpace(at))
		if err != nil {
			s.t.Fatal(err)
		}
		a.took = d
	}
	switch {
	case who == "cancel" && i == len(line):
		s.cancel = a.took
		return
	case i == len(line):
		s.t.Fatalf("script: %q says nothing", line)
	case line[i] == '!':
		a.outcome.Failure = &failure.Failure{}
		if err := json.Unmarshal([]byte(line[i+1:]), a.outcome.Failure); err != nil {
			s.t.Fatalf("script: %q: %v", line, err)
		}
	default:
		a.outcome.Output = document.MustParse(strings.TrimSpace(line[i+1:]))
	}
	s.lines[who] = a
}

func (s *script) invoke(c stepper.Invoke) (event.Outcome, time.Duration) {
	for _, who := range []string{attemptName(c.Attempt), c.Step, c.Node} {
		if a, ok := s.lines[who]; ok {
			return a.outcome, a.took
		}
	}
	return echo(c)
}
