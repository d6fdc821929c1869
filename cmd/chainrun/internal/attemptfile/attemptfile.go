// Package attemptfile keeps an attempt of a node in a file, so that it can be made again
// without its graph: what `--keep-input` writes and `node run --attempt` reads.
//
// A file is one JSON object. Documents stand in it byte for byte, space between their
// tokens included: a node that reads other bytes uses other fuel.
package attemptfile

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/meter"
)

// Version is that of the format.
const Version = 1

// MaxBytes bounds a file that is written or read.
const MaxBytes = 96 << 20

// File is an attempt that failed, with all that it depended on.
type File struct {
	Version int    `json:"chainrun_attempt"`
	Run     string `json:"run"`
	Step    string `json:"step"`
	Node    string `json:"node"`
	Attempt int    `json:"attempt"`

	Module   string         `json:"module"` // a path, from where the run was started, or std:NAME
	Digest   string         `json:"digest"` // of the module
	Entry    string         `json:"entry,omitempty"`
	Encoding graph.Encoding `json:"encoding,omitempty"`
	Cache    bool           `json:"cache,omitempty"` // clock and seed are derived anew
	Fuel     uint64         `json:"fuel"`
	Memory   uint64         `json:"memory_bytes"`
	Timeout  string         `json:"timeout"`
	Time     time.Time      `json:"time"`
	Seed     string         `json:"seed"` // hexadecimal

	Input    json.RawMessage     `json:"input,omitempty"`
	Config   json.RawMessage     `json:"config,omitempty"`
	Feedback []failure.Violation `json:"feedback,omitempty"`
	// InputSchema and OutputSchema are those of the graph; the module has its own.
	InputSchema  *Schema `json:"input_schema,omitempty"`
	OutputSchema *Schema `json:"output_schema,omitempty"`
	Calls        []Call  `json:"calls,omitempty"`

	// What came of it.
	Failure  failure.Failure `json:"failure"`
	Output   json.RawMessage `json:"output,omitempty"` // that was refused
	FuelUsed uint64          `json:"fuel_used"`
	FuelRule int             `json:"fuel_rule"` // by which it was counted
}

// Schema is a schema with the files that it names.
type Schema struct {
	Schema json.RawMessage            `json:"schema"`
	Files  map[string]json.RawMessage `json:"files,omitempty"`
}

// Call is a call of a capability and what the node was answered.
type Call struct {
	Capability string           `json:"capability"`
	Method     string           `json:"method"`
	Request    json.RawMessage  `json:"request,omitempty"`
	Answer     json.RawMessage  `json:"answer,omitempty"`
	Failure    *failure.Failure `json:"failure,omitempty"`
	// Counted says that the call went to the capability; else the host refused it.
	Counted bool `json:"counted,omitempty"`
}

// Of makes a file of an attempt that failed.
func Of(a host.FailedAttempt) File {
	n := a.Node
	f := File{
		Version: Version, Run: a.Run, Step: a.Outcome.Step, Node: a.Outcome.Node, Attempt: a.Outcome.Number,
		Module: modulePath(a.File, n.Module), Digest: n.Linked.Digest, Entry: n.Entry, Encoding: n.Encoding,
		Cache: n.Cache && len(n.Granted) == 0,
		Fuel:  n.Fuel, Memory: n.MemoryBytes, Timeout: n.Timeout.String(),
		Time: a.Time.UTC(), Seed: hex.EncodeToString(a.Seed[:]),
		Input: a.Input.Bytes(), Config: a.Config.Bytes(), Feedback: a.Feedback,
		InputSchema: schemaOf(n.In.Schema), OutputSchema: schemaOf(n.Out.Schema),
		Failure: *a.Outcome.Failure, Output: a.Outcome.Output.Bytes(), FuelUsed: a.Outcome.Fuel, FuelRule: meter.Version,
	}
	for _, c := range a.Calls {
		f.Calls = append(f.Calls, Call{c.Capability, c.Method, c.Request.Bytes(), c.Answer.Bytes(), c.Failure, c.Usage.Calls > 0})
	}
	return f
}

// modulePath is where a module is that a graph names.
func modulePath(file, module string) string {
	if scheme, _ := plan.SplitReference(module); scheme != "" {
		return module
	}
	if i := strings.LastIndex(module, "@sha256:"); i >= 0 {
		module = module[:i]
	}
	if filepath.IsAbs(module) {
		return module
	}
	return filepath.Join(filepath.Dir(file), filepath.FromSlash(module))
}

func schemaOf(s *schema.Schema) *Schema {
	if s == nil {
		return nil
	}
	made := &Schema{Schema: s.Source().Bytes()}
	for name, d := range s.Files() {
		if made.Files == nil {
			made.Files = map[string]json.RawMessage{}
		}
		made.Files[name] = d.Bytes()
	}
	return made
}

// The folders of the schemas in the graph that [File.Source] draws.
const (
	inputFolder  = "input"
	outputFolder = "output"
	schemaName   = "schema.json"
)

// Source draws the graph of the one node, of this module.
func (f *File) Source(node, module string) (*graph.Source, error) {
	timeout, err := time.ParseDuration(f.Timeout)
	if err != nil || timeout <= 0 {
		return nil, fmt.Errorf("reading the attempt: timeout %q is no length of time", f.Timeout)
	}
	at := graph.Position{File: module}
	n := graph.NodeSource{
		Name: node, Module: module, Entry: f.Entry, Encoding: string(f.Encoding), Cache: f.Cache,
		Fuel: int64(f.Fuel), Memory: int64(f.Memory), Timeout: timeout,
		At: at, Keys: graph.Positions{"module": at},
	}
	if len(f.Config) > 0 {
		d, err := documentOf("config", f.Config)
		if err != nil {
			return nil, err
		}
		n.Config = graph.Value{Document: d, At: at}
	}
	if f.InputSchema != nil {
		n.InputSchema.File = path.Join(inputFolder, schemaName)
	}
	if f.OutputSchema != nil {
		n.OutputSchema.File = path.Join(outputFolder, schemaName)
	}
	return &graph.Source{File: module, Nodes: []graph.NodeSource{n}, Keys: graph.Positions{}}, nil
}

// Schemas reads the schemas of the graph that Source draws, and the rest by read.
func (f *File) Schemas(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for folder, s := range map[string]*Schema{inputFolder: f.InputSchema, outputFolder: f.OutputSchema} {
			ref, inside := strings.CutPrefix(name, folder+"/")
			if !inside || s == nil {
				continue
			}
			if text, found := s.Files[ref]; found {
				return text, nil
			}
			if ref == schemaName {
				return s.Schema, nil
			}
			return nil, fmt.Errorf("%q was not kept with the attempt: %w", ref, fs.ErrNotExist)
		}
		return read(name)
	}
}

// Given is what the node is given: the attempt, made again from its record.
func (f *File) Given(node string) (host.Attempt, error) {
	a := host.Attempt{Node: node, Feedback: f.Feedback, Time: f.Time, Recorded: true}
	seed, err := hex.DecodeString(f.Seed)
	if err != nil || len(seed) != len(a.Seed) {
		return a, fmt.Errorf("reading the attempt: the seed is not %d bytes in hexadecimal", len(a.Seed))
	}
	copy(a.Seed[:], seed)
	if len(f.Input) > 0 {
		if a.Input, err = documentOf("input", f.Input); err != nil {
			return a, err
		}
	}
	for i, c := range f.Calls {
		fact := event.CapabilityAnswered{Ordinal: i + 1, Capability: c.Capability, Method: c.Method, Failure: c.Failure}
		if c.Counted {
			fact.Usage.Calls = 1
		}
		if len(c.Request) > 0 {
			if fact.Request, err = documentOf("request", c.Request); err != nil {
				return a, err
			}
		}
		if len(c.Answer) > 0 {
			if fact.Answer, err = documentOf("answer", c.Answer); err != nil {
				return a, err
			}
		}
		a.Calls = append(a.Calls, fact)
	}
	return a, nil
}

func documentOf(what string, text []byte) (document.Document, error) {
	d, err := document.Parse(text, document.Limits{})
	if err != nil {
		return d, fmt.Errorf("reading the attempt: %s: %w", what, err)
	}
	return d, nil
}

// Same says how what came of the attempt this time differs from what is in the file; ""
// where it does not. Whether it may be tried again is the graph's affair.
func (f *File) Same(o event.Outcome) string {
	was := f.Failure
	switch now := o.Failure; {
	case now == nil:
		return "this time it succeeded"
	case now.Code != was.Code || now.Reason != was.Reason:
		return "it was " + was.String()
	case now.Code == failure.Timeout:
		return "" // when time is over depends on the machine
	case now.Message != was.Message || !sameViolations(now.Violations, was.Violations):
		return "it was " + was.String()
	case f.FuelRule == meter.Version && o.Fuel != f.FuelUsed:
		return fmt.Sprintf("it was with fuel %d, and is with %d", f.FuelUsed, o.Fuel)
	}
	return ""
}

func sameViolations(a, b []failure.Violation) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
