// Package scenario is the corpus of what a graph means: small graphs, what
// their nodes do, and a transcript of what must happen. The bare stepper and
// every driver are held to it.
//
// A scenario is a txtar file in testdata. Above its files stands the sentence
// of the design that it shows. Its files are:
//
//   - graph.toml, and the files that it names;
//   - script, what the nodes do (see [Script]);
//   - transcript, what happens: for each event the time since the run's start
//     and the fact, and indented below it the commands that it led to.
package scenario

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
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

// Serial reports whether at most one attempt is under way at any time, so that
// not only the result but the order of all events is the same for every driver.
func (s *Scenario) Serial() bool {
	under := 0
	for line := range strings.Lines(Facts(s.Transcript)) {
		switch words := strings.Fields(line); {
		case len(words) > 3 && words[3] == "started":
			under++
		case len(words) > 3 && (words[3] == "gave" || words[3] == "failed:"):
			under--
		}
		if under > 1 {
			return false
		}
	}
	return true
}

// Graph makes the scenario's graph of graph.toml; its other files are there for
// it to name.
func (s *Scenario) Graph() (*graph.Graph, error) {
	text, _ := s.file("graph.toml")
	g, found := graphfile.Load("graph.toml", []byte(text), func(name string) ([]byte, error) {
		if text, ok := s.file(name); ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	})
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
