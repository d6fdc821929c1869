package database

// From a call to the statement that an engine carries out.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// Capability asks databases. It has none itself: Configure gives it one. Safe for
// concurrent use.
type Capability struct{}

// New makes the capability.
func New() Capability { return Capability{} }

// Describe implements capability.Capability.
func (Capability) Describe() capability.Description { return description }

// Call implements capability.Capability.
func (Capability) Call(context.Context, capability.Call) (capability.Answer, error) {
	return capability.Answer{}, &capability.Error{Reason: "not_configured", Message: "there is no database: [capabilities.NAME] says which, by driver and url"}
}

// CheckGrant implements capability.GrantChecker.
func (Capability) CheckGrant(grant document.Document) capability.Problems {
	_, problems := readGrant(grant)
	return problems
}

// config is the table of settings.
type config struct {
	Driver  string `json:"driver"`
	URL     string `json:"url"`
	MaxOpen int    `json:"max_open"`
	Once    bool   `json:"once"`
}

const defaultOpen = 4

// Configure implements capability.Configurable. Nothing is opened before the first
// call. What it gives is closed by Close, or when nobody has it any more.
func (Capability) Configure(name string, settings document.Document) (capability.Capability, error) {
	c := config{MaxOpen: defaultOpen}
	if err := json.Unmarshal(settings.Canonical(), &c); err != nil {
		return nil, capability.Problems{{Text: err.Error()}}
	}
	if !strings.Contains(c.URL, "${secret:") {
		if err := checkURL(c); err != nil {
			return nil, capability.Problems{{Pointer: "/url", Text: err.Error()}}
		}
	}
	d := &configured{name: name, config: c, opened: &opened{}}
	runtime.AddCleanup(d, func(o *opened) { _ = o.close() }, d.opened)
	return d, nil
}

func checkURL(c config) error {
	if c.Driver == "postgres" {
		_, err := postgresConfig(c.URL)
		return err
	}
	_, err := sqliteFile(c.URL, false)
	return err
}

// configured is one graph's database.
type configured struct {
	Capability
	name   string
	config config
	opened *opened
}

// engine is a database that is open. Safe for concurrent use.
type engine interface {
	// query reads, and leaves nothing changed.
	query(ctx context.Context, s statement) (*table, error)
	// exec writes in one transaction; with once, only the first time that it sees
	// the statement's key. It gives the answer as it is stored.
	exec(ctx context.Context, s statement, once bool) (document.Document, error)
	close() error
}

// opened is the engine of a database and the URL that it was opened with, which may
// change where it is a secret.
type opened struct {
	mu     sync.Mutex
	url    string
	engine engine
	closed bool
}

func (o *opened) get(c config) (engine, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errors.New("the database is closed")
	}
	if o.engine != nil && o.url == c.URL {
		return o.engine, nil
	}
	if err := checkURL(c); err != nil {
		return nil, &capability.Error{Reason: "invalid_config", Message: err.Error()}
	}
	var fresh engine
	var err error
	if c.Driver == "postgres" {
		fresh, err = openPostgres(c)
	} else {
		fresh, err = openSQLite(c)
	}
	if err != nil {
		return nil, err
	}
	if o.engine != nil {
		go o.engine.close() //nolint:errcheck // it waits for the calls under way, and nobody is left to tell
	}
	o.engine, o.url = fresh, c.URL
	return fresh, nil
}

func (o *opened) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.engine == nil {
		return nil
	}
	err := o.engine.close()
	o.engine = nil
	return err
}

// Close closes the connections.
func (d *configured) Close() error { return d.opened.close() }

// Call implements capability.Capability.
func (d *configured) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	g, problems := readGrant(c.Grant)
	if len(problems) > 0 {
		return capability.Answer{}, &capability.Error{Reason: "invalid_grant", Message: problems.Error()}
	}
	writes := c.Method == "exec"
	if writes && g.readOnly {
		return capability.Answer{}, &capability.Error{
			Reason: "read_only", Denied: true,
			Message: fmt.Sprintf("exec changes the database, and the grant only allows to read; to allow it, write `read_only = false` in [nodes.%s.grants.%s]", c.Caller.Node, d.name),
		}
	}
	s, err := readStatement(c, g, d.config.Driver)
	if err != nil {
		return capability.Answer{}, err
	}
	with := d.config
	if with.URL, err = c.Secrets.Expand(with.URL); err != nil {
		return capability.Answer{}, &capability.Error{Reason: "invalid_config", Message: err.Error()}
	}
	e, err := d.opened.get(with)
	if err != nil {
		return capability.Answer{}, err
	}
	timed, cancel := context.WithTimeoutCause(ctx, g.timeout, errTimeout)
	defer cancel()
	var answer document.Document
	if writes {
		answer, err = e.exec(timed, s, with.Once)
	} else {
		var rows *table
		if rows, err = e.query(timed, s); err == nil {
			answer = rows.queryAnswer()
		}
	}
	switch {
	case err == nil:
		return capability.Answer{Document: answer}, nil
	case ctx.Err() != nil:
		return capability.Answer{}, context.Cause(ctx) // nobody waits for it
	case timed.Err() != nil && !isOutcomeUnknown(err):
		return capability.Answer{}, &capability.Error{
			Reason: "timeout", Retryable: true,
			Message: fmt.Sprintf("no answer within %v, which is the grant's timeout", g.timeout),
		}
	default:
		return capability.Answer{}, err
	}
}

var errTimeout = errors.New("the grant's timeout is over")

// outcomeUnknown is the reason where the connection was lost while a transaction
// was being committed.
const outcomeUnknown = "outcome_unknown"

func isOutcomeUnknown(err error) bool {
	e, ok := errors.AsType[*capability.Error](err)
	return ok && e.Reason == outcomeUnknown
}
