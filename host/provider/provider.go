package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// Program is what a provider's name stands for.
type Program struct {
	Path string   // an executable file; a relative path is this process's
	Args []string // arguments; default none

	// Env names variables that the program gets from this process's environment,
	// beside the few that every provider gets: PATH, TMPDIR, the locale, the time
	// zone and where certificates are. Default none: an environment holds secrets.
	Env []string

	// Dir is the working directory. Default: an empty one, which ends with the
	// process.
	Dir string

	// Checksum is what the file must have, whatever graphs say: "sha256:" and 64
	// hexadecimal digits. Default: any.
	Checksum string
}

// Options of New. The zero value allows no provider.
type Options struct {
	// Allow says which program a name stands for. Names come from graphs, so this
	// is where an operator decides what graphs can start. nil: nothing.
	Allow func(name string) (Program, bool)

	// Logger gets what providers write to their standard error and output, and
	// their starts and ends. nil: silence.
	Logger *slog.Logger
}

// Capability starts providers and configures capabilities that use them. It has
// no methods of its own. Safe for concurrent use; to be closed.
type Capability struct {
	allow  func(name string) (Program, bool)
	logger *slog.Logger
	bounds bounds

	mu     sync.Mutex
	slots  map[string]*slot
	closed bool
}

// bounds are what a provider may take; tests make them small.
type bounds struct {
	start         time.Duration // until the handshake, and then to describe itself
	grace         time.Duration // to end by itself
	ping          time.Duration // to answer a health check
	answerBytes   int           // one message
	partialBytes  int           // all partials of a call
	partials      int           // of a call
	firstInterval time.Duration // between a crash and the next start
	lastInterval  time.Duration
	healthy       time.Duration // a life as long as this makes up for crashes before
}

var defaultBounds = bounds{
	start:         10 * time.Second,
	grace:         2 * time.Second,
	ping:          3 * time.Second,
	answerBytes:   protocol.MaxMessageBytes,
	partialBytes:  64 << 20,
	partials:      100_000,
	firstInterval: 200 * time.Millisecond,
	lastInterval:  30 * time.Second,
	healthy:       time.Minute,
}

// New makes the capability. Nothing is started yet.
func New(o Options) *Capability {
	if o.Allow == nil {
		o.Allow = func(string) (Program, bool) { return Program{}, false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Capability{allow: o.Allow, logger: o.Logger, bounds: defaultBounds, slots: map[string]*slot{}}
}

const settingsSchema = `{
	"type": "object",
	"properties": {
		"provider": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
		"checksum": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
		"config": {"type": "object"}
	},
	"required": ["provider"],
	"additionalProperties": false
}`

// Describe implements capability.Capability.
func (*Capability) Describe() capability.Description {
	return capability.Description{
		Text:   "capabilities in processes of their own",
		Config: json.RawMessage(settingsSchema),
	}
}

// Call implements capability.Capability: there is nothing to ask before
// Configure.
func (*Capability) Call(context.Context, capability.Call) (capability.Answer, error) {
	return capability.Answer{}, &capability.Error{
		Reason: "provider_unavailable",
		Message: `no provider is named: write [capabilities.NAME] with kind = "provider" and provider = "…", ` +
			`and grant NAME to the node`,
	}
}

// Configure implements capability.Configurable. It starts the program, if no
// graph has done so before, to learn what it offers.
func (p *Capability) Configure(name string, settings document.Document) (capability.Capability, error) {
	var s struct {
		Provider, Checksum string
		Config             document.Document
	}
	if err := json.Unmarshal(settings.Bytes(), &s); err != nil {
		return nil, capability.Problems{{Text: err.Error()}}
	}
	if s.Config.IsZero() {
		s.Config = document.Object()
	}
	program, ok := p.allow(s.Provider)
	if !ok {
		return nil, capability.Problems{{
			Pointer: "/provider",
			Text:    fmt.Sprintf("no program is known for provider %q", s.Provider),
			Hint:    fmt.Sprintf("start with --provider %s=PATH", s.Provider),
		}}
	}
	slot, err := p.slot(s.Provider, program, s.Checksum)
	if err != nil {
		return nil, err
	}
	description, err := slot.describe(context.Background())
	if err != nil {
		return nil, problems(err)
	}
	c := &configured{name: name, slot: slot, config: s.Config, description: description}
	if found := c.check(); len(found) > 0 {
		return nil, found
	}
	return c, nil
}

// problems says what hinders a start as a complaint about the table.
func problems(err error) error {
	if e, ok := errors.AsType[*startError](err); ok {
		return capability.Problems{{Pointer: e.pointer, Text: e.cause.Message, Hint: e.hint}}
	}
	return err
}

// slot gives the place of the process for a program, shared by all who name it.
func (p *Capability) slot(name string, program Program, checksum string) (*slot, error) {
	path, err := filepath.Abs(program.Path)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", name, err)
	}
	program.Path = path
	var pinned []string
	for _, c := range []string{program.Checksum, checksum} {
		if c != "" && !slices.Contains(pinned, c) {
			pinned = append(pinned, c)
		}
	}
	key := strings.Join(slices.Concat([]string{path, program.Dir}, program.Args, []string{"", ""}, program.Env, []string{""}, pinned), "\x00")

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	s := p.slots[key]
	if s == nil {
		s = newSlot(name, program, pinned, p.bounds, p.logger.With(slog.String("provider", name)))
		p.slots[key] = s
	}
	return s, nil
}

// Close ends all processes and waits until they are gone, some seconds at most.
// Calls in flight fail.
func (p *Capability) Close() error {
	p.mu.Lock()
	p.closed = true
	slots := p.slots
	p.slots = nil
	p.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range slots {
		all.Go(s.close)
	}
	all.Wait()
	return nil
}
