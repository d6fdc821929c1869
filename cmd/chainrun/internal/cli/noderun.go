package cli

// chainrun node run: one attempt of one node, without a graph.

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/host/journal/memory"
)

// tryFlags are those of `node run`.
type tryFlags struct {
	nodeFlags
	input    string
	feedback string
	seed     string
	time     string
	attempt  string
	cassette string
	step     string
	log      string
	world    worldFlags
}

func (a *app) nodeRunCommand() *cobra.Command {
	var f tryFlags
	c := &cobra.Command{
		Use:   "run NODE.wasm",
		Short: "Call one node, without a graph",
		Long: `Makes one attempt of one node: with the checks, limits and failures of a run of a
graph that has only this node. Nothing is tried again and nothing is kept.

The output goes to stdout; what the node logs and a line about fuel, memory and
time go to stderr. Exit codes are those of a run.

--attempt makes an attempt again that failed in a run with --keep-input: with the
same input, config, feedback, clock and randomness, and with the answers that
capabilities gave. What comes of it is compared with what was recorded.`,
		Example: `  chainrun node run greet.wasm --input '{"name": "Ada"}'
  chainrun node run std:jq --config '{"query": ".a"}' --input @document.json
  chainrun node run ask.wasm --input - --grant 'fetch = {hosts = ["example.com"]}'
  chainrun node run score.wasm --attempt failed/01jd.score.1.json`,
		Args: oneNode,
		RunE: func(c *cobra.Command, args []string) error {
			if f.attempt != "" {
				for _, name := range []string{"input", "config", "feedback", "entry", "encoding", "seed", "time", "cassette", "step", "grant", "capability", "secret"} {
					if c.Flags().Changed(name) {
						return usagef("--attempt and --%s: what the node is given is in the attempt's file", name)
					}
				}
			}
			return a.nodeRun(args[0], f)
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	c.Flags().StringVarP(&f.input, "input", "i", "{}", "the input: JSON, @FILE, or - for stdin")
	f.add(c)
	c.Flags().StringVar(&f.feedback, "feedback", "", "the violations of the attempt before, as JSON: a list of {pointer, keyword, message, found}")
	c.Flags().StringVar(&f.seed, "seed", "", "text that seeds the node's randomness (default: derived from module and input)")
	c.Flags().StringVar(&f.time, "time", "", "where the node's clock starts: 2026-01-02T15:04:05Z (default: now)")
	c.Flags().StringVar(&f.attempt, "attempt", "", "make the attempt again that is in this file, see --keep-input of a run")
	c.Flags().StringVar(&f.cassette, "cassette", "", "take the answers of all capabilities from this file, and ask nobody")
	c.Flags().StringVar(&f.step, "step", "", "the step whose answers are taken from the cassette (default: the module's name)")
	c.Flags().StringVar(&f.log, "log", "info", "the least level of what the node logs to be shown: debug, info, warn, error, off")
	f.world.add(c)
	return c
}

func (a *app) nodeRun(module string, f tryFlags) error {
	ctx, stop := interruptible()
	defer stop()
	t := trial{app: a, module: module, log: f.log, world: f.world}
	if f.attempt != "" {
		return t.again(ctx, f)
	}
	src, err := f.source(a, module)
	if err != nil {
		return err
	}
	asked := host.Attempt{Node: src.Nodes[0].Name, Time: time.Now().UTC().Truncate(time.Microsecond)}
	if err := f.given(a, &asked); err != nil {
		return err
	}
	if asked.Input.IsZero() {
		return said(exitDocument)
	}
	if f.cassette != "" {
		tape, err := readCassette(f.cassette)
		if err != nil {
			return err
		}
		if f.step == "" {
			f.step = asked.Node
		}
		asked.Answers = stepAnswers{tape, f.step}
	}
	done, err := t.attempt(ctx, src, moduleFile, asked, f.seed)
	if err != nil {
		return err
	}
	return t.report(done, nil)
}

// given reads the flags that say what the attempt is given. The input stays absent
// where it was refused, and that was said.
func (f tryFlags) given(a *app, into *host.Attempt) error {
	if f.time != "" {
		at, err := time.Parse(time.RFC3339Nano, f.time)
		if err != nil {
			return usagef("--time %q: expected a time such as 2026-01-02T15:04:05Z", f.time)
		}
		into.Time = at.UTC().Truncate(time.Microsecond)
	}
	if f.feedback != "" {
		d, err := a.flagDocument("--feedback", f.feedback)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(d.Bytes(), &into.Feedback); err != nil {
			return usagef("--feedback: expected a list of {pointer, keyword, message, found}, all texts: %w", err)
		}
	}
	text, err := a.readInput(f.input)
	if err != nil {
		return err
	}
	if into.Input, err = document.Parse(text, document.Limits{}); err != nil {
		_ = a.refuse(&host.InputError{Failure: failure.Failure{
			Code: failure.InvalidInput, Message: "the node's input is no JSON document: " + err.Error(),
			Violations: []failure.Violation{{Keyword: "json", Message: err.Error()}},
		}})
	}
	return nil
}

// trial is a host for one attempt.
type trial struct {
	app    *app
	module string
	log    string
	world  worldFlags
	digest string // of the module, once it was loaded
}

// attempt makes one attempt of the only node of a graph. Without a seed it is derived
// from what the node does and what it is given, so that equal attempts are equal.
func (t *trial) attempt(ctx context.Context, src *graph.Source, read func(string) ([]byte, error), asked host.Attempt, seed string) (host.Attempted, error) {
	level, err := parseLevel(t.log)
	if err != nil {
		return host.Attempted{}, err
	}
	logger := slog.New(&nodeLog{level: level, to: &plain{w: t.app.Err}})
	options, err := t.world.options(logger)
	if err != nil {
		return host.Attempted{}, err
	}
	options = append(append(options, host.WithLogger(logger)), recordIn(inMemory{memory.New()})...)
	h, err := t.app.newHost(options...)
	if err != nil {
		return host.Attempted{}, err
	}
	defer t.app.close(h)
	load := h.LoadSource
	if asked.Recorded {
		load = h.LoadAnswered
	}
	g, err := loadOne(load, src, read)
	if err != nil {
		return host.Attempted{}, err
	}
	t.digest = g.Plan().Nodes[0].Linked.Digest
	switch {
	case seed != "":
		asked.Seed = sha256.Sum256([]byte(seed))
	case asked.Seed == event.Seed{}:
		asked.Seed = sha256.Sum256([]byte("chainrun node seed 1\n" + g.Digest() + "\n" + asked.Input.Digest()))
	}
	done, err := h.Attempt(ctx, g, asked)
	if ctx.Err() != nil {
		fmt.Fprintln(t.app.Err, "chainrun: interrupted")
		return done, said(exitInterrupted)
	}
	return done, err
}

// loader is the host's LoadSource or LoadAnswered.
type loader func(src *graph.Source, read func(string) ([]byte, error)) (*host.Graph, error)

// loadOne loads a graph of one node. What is missing is a complaint about its file.
func loadOne(load loader, src *graph.Source, read func(string) ([]byte, error)) (*host.Graph, error) {
	g, err := load(src, read)
	if ds, ok := errors.AsType[graph.Diagnostics](err); ok {
		for i := range ds {
			switch {
			case ds[i].File == "":
				ds[i].File = src.File
			case ds[i].Line > 1 && strings.HasPrefix(ds[i].File, "--"): // its first line is ours
				ds[i].Line--
			}
		}
		return nil, ds
	}
	return g, err
}

// tried is the form in JSON of what came of an attempt.
type tried struct {
	Status       string            `json:"status"` // done, failed
	Output       document.Document `json:"output,omitzero"`
	Failure      *failure.Failure  `json:"failure,omitempty"`
	Fuel         uint64            `json:"fuel"`
	MemoryBytes  uint64            `json:"memory_bytes"`
	DurationMS   float64           `json:"duration_ms"`
	LogTruncated bool              `json:"log_truncated,omitempty"`
	Calls        []triedCall       `json:"calls,omitempty"`
	// Reproduced says whether an attempt that was made again came to the same.
	Reproduced *bool `json:"reproduced,omitempty"`
}

// triedCall is a call of a capability.
type triedCall struct {
	Capability string            `json:"capability"`
	Method     string            `json:"method"`
	Request    document.Document `json:"request,omitzero"`
	Answer     document.Document `json:"answer,omitzero"`
	Failure    *failure.Failure  `json:"failure,omitempty"`
}

func triedOf(done host.Attempted) tried {
	t := tried{
		Status: string(event.Done), Output: done.Output, Failure: done.Failure, Fuel: done.Fuel,
		MemoryBytes: done.MemoryBytes, DurationMS: float64(done.Took.Microseconds()) / 1e3, LogTruncated: done.LogTruncated,
	}
	if done.Failure != nil {
		t.Status = string(event.Failed)
	}
	for _, c := range done.Calls {
		t.Calls = append(t.Calls, triedCall{c.Capability, c.Method, c.Request, c.Answer, c.Failure})
	}
	return t
}

// report says what came of an attempt; reproduced says whether it is what was recorded,
// where there is a record.
func (t *trial) report(done host.Attempted, reproduced *bool) error {
	a := t.app
	if a.json {
		v := triedOf(done)
		v.Reproduced = reproduced
		a.printJSON(v)
	}
	if done.Failure != nil {
		a.explainFailed(t.module, "", done.Failure)
	} else if !a.json {
		fmt.Fprintf(a.Out, "%s\n", done.Output.Bytes())
	}
	summarise(a.Err, done)
	if done.Failure != nil {
		return said(exitFailed)
	}
	return nil
}

// summarise writes what an attempt took.
func summarise(w io.Writer, done host.Attempted) {
	fmt.Fprintf(w, "fuel %s, memory %s, %v", thousands(done.Fuel), binarySize(done.MemoryBytes), done.Took.Round(time.Microsecond))
	if done.LogTruncated {
		fmt.Fprint(w, ", the log was cut")
	}
	fmt.Fprintln(w)
}

// binarySize is a number of bytes as graphs write it.
func binarySize(n uint64) string {
	for _, unit := range []struct {
		name string
		size uint64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.size && n%unit.size == 0 {
			return thousands(n/unit.size) + " " + unit.name
		}
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return thousands(n) + " bytes"
}

// stepAnswers answers from the record of one step, whatever the attempt's own is.
type stepAnswers struct {
	from invoke.Answers
	step string
}

// Answer implements [invoke.Answers].
func (s stepAnswers) Answer(asked event.CapabilityAnswered) (event.CapabilityAnswered, error) {
	own := asked.Attempt
	asked.Step = s.step
	got, err := s.from.Answer(asked)
	got.Attempt = own
	return got, err
}
