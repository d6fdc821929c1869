// Package scenario is the corpus of what a graph means: small graphs, what
// their nodes do, and a transcript of what must happen. The bare stepper and
// every driver are held to it.
//
// A scenario is a txtar file in testdata. Above its files stands the sentence
// of the design that it shows. Its files are:
//
//   - graph.toml, or sketch (see [Scenario.Graph]) where the graph has what a
//     graph file may not have yet;
//   - script, what the nodes do (see [Script]);
//   - transcript, what happens: for each event the time since the run's start
//     and the fact, and indented below it the commands that it led to.
package scenario

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

//go:embed testdata/*.txtar
var files embed.FS

// Scenario is one file of the corpus.
type Scenario struct {
	Name       string
	Script     *Script
	Transcript string

	archive *txtar.Archive
}

// All reads the corpus.
func All() ([]*Scenario, error) {
	entries, err := files.ReadDir("testdata")
	if err != nil {
		return nil, fmt.Errorf("reading the scenarios: %w", err)
	}
	var all []*Scenario
	for _, e := range entries {
		text, err := files.ReadFile(path.Join("testdata", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the scenarios: %w", err)
		}
		s, err := parse(strings.TrimSuffix(e.Name(), ".txtar"), text)
		if err != nil {
			return nil, fmt.Errorf("scenario %s: %w", e.Name(), err)
		}
		all = append(all, s)
	}
	return all, nil
}

func parse(name string, text []byte) (*Scenario, error) {
	s := &Scenario{Name: name, archive: txtar.Parse(text)}
	if strings.TrimSpace(string(s.archive.Comment)) == "" {
		return nil, errors.New("it does not say what it shows")
	}
	transcript, _ := s.file("transcript")
	s.Transcript = transcript
	script, _ := s.file("script")
	var err error
	s.Script, err = parseScript(script)
	return s, err
}

func (s *Scenario) file(name string) (string, bool) {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

// Serial reports whether the graph takes one step at a time, so that not only
// the result but the order of all events is the same for every driver.
func (s *Scenario) Serial() bool {
	_, sketched := s.file("sketch")
	return !sketched
}

// Graph makes the scenario's graph: of graph.toml, or of the few lines of
// sketch:
//
//	nodes a (h x (i j) y) z     in canonical order, loops in brackets
//	state k                     a key
//	a > h                       an edge; "when EXPR" or "on error" may follow
//	x write k = EXPR
//	z input = EXPR
//	h route first
//
// Where edges of several nodes come together in a sketch, the input is keyed by
// node, and so is the run's output.
func (s *Scenario) Graph() (*graph.Graph, error) {
	if text, ok := s.file("sketch"); ok {
		return sketch(text)
	}
	text, _ := s.file("graph.toml")
	g, found := graphfile.Load("graph.toml", []byte(text), nil)
	if found.Failed() {
		return nil, found
	}
	return g, nil
}

// Rewritten gives the scenario's file with another transcript.
func (s *Scenario) Rewritten(transcript string) []byte {
	archive := &txtar.Archive{Comment: s.archive.Comment}
	for _, f := range s.archive.Files {
		if f.Name == "transcript" {
			f.Data = []byte(transcript)
		}
		archive.Files = append(archive.Files, f)
	}
	return txtar.Format(archive)
}
