// Package capabilitytest has the tests that every capability must pass: what it
// describes can be offered, it answers as it describes, ends when it is canceled,
// may be asked by many at once (run it with -race), and classifies its errors.
//
//	capabilitytest.Run(t, capabilitytest.Suite{
//		New:   func(t *testing.T) capability.Capability { return kv.New(store(t)) },
//		Cases: []capabilitytest.Case{{Method: "get", Request: `{"key":"a"}`, Answer: `{"found":false}`}},
//	})
package capabilitytest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
)

// Suite is a capability with what it can be asked.
type Suite struct {
	// New makes the capability, for one test; what it needs beside itself is
	// cleaned up with t. It is closed by the suite, if it is an io.Closer.
	New func(t *testing.T) capability.Capability
	// Name is that of [capabilities.NAME]; default "sample".
	Name string
	// Settings is the table [capabilities.NAME] as JSON; "": the capability is
	// asked as New made it. It is for those that are [capability.Configurable].
	Settings string
	// Secrets are the values behind ${secret:NAME}.
	Secrets map[string]string
	// Cases are asked alone, then all of them at once by several goroutines. Each
	// method has at least one; a case must hold however often it is asked.
	Cases []Case
	// Slow is a call that takes longer than a test may, if nobody cancels it; nil:
	// the capability has none. It must end within [Soon] when it is canceled.
	Slow *Case
}

// Case is one call and what shall come of it.
type Case struct {
	Name    string // default: the method and its request
	Method  string
	Request string // JSON; "": none
	Grant   string // the capability's own keys, as JSON; "": {}
	Left    capability.Left

	// Answer is the answer, as JSON; "": any one that holds to the schema.
	Answer string
	// Check looks further at an answer; nil: nothing to look at.
	Check func(t *testing.T, a capability.Answer)

	// Reason is that of the error which shall come; "": none shall.
	Reason    string
	Denied    bool // as in the error
	Retryable bool
}

// Soon is how long a canceled call may take to end.
const Soon = 5 * time.Second

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	s.Name = cmp.Or(s.Name, "sample")
	t.Run("describe", s.describe)
	t.Run("answers", s.answers)
	t.Run("at once", s.atOnce)
	t.Run("canceled", s.canceled)
}

// made is the capability, configured and offered.
func (s Suite) made(t *testing.T) *capability.Offer {
	t.Helper()
	base := s.New(t)
	if closer, ok := base.(io.Closer); ok {
		t.Cleanup(func() {
			if err := closer.Close(); err != nil {
				t.Errorf("closing it: %v", err)
			}
		})
	}
	offer, err := capability.NewOffer(s.Name, base)
	if err != nil {
		t.Fatalf("it cannot be offered: %v", err)
	}
	if s.Settings == "" {
		return offer
	}
	configurable, ok := base.(capability.Configurable)
	if !ok {
		t.Fatal("the suite has settings, but the capability is not Configurable")
	}
	settings := document.MustParse(s.Settings)
	if offer.Config == nil {
		t.Fatal("it is Configurable, but describes no Config")
	}
	if found := offer.Config.Validate(settings); found != nil {
		t.Fatalf("the suite's settings break its Config schema: %v", found)
	}
	configured, err := configurable.Configure(s.Name, settings)
	if err != nil {
		t.Fatalf("configuring it: %v", err)
	}
	if offer, err = capability.NewOffer(s.Name, configured); err != nil {
		t.Fatalf("once configured it cannot be offered: %v", err)
	}
	return offer
}

// proven compiles the schemas that a host compiles only when it needs them.
func proven(t *testing.T, d capability.Description) {
	t.Helper()
	compile := func(what string, source []byte) {
		if source == nil {
			return
		}
		if _, err := schema.Compile(what, source, nil); err != nil {
			t.Errorf("the schema of %s: %v", what, err)
		}
	}
	compile("its grants", d.Grant)
	compile("its settings", d.Config)
	for _, m := range d.Methods {
		compile("requests of "+m.Name, m.Request)
		compile("answers of "+m.Name, m.Response)
	}
}

func (s Suite) describe(t *testing.T) {
	offer := s.made(t)
	first := offer.Describe()
	proven(t, first)
	again := offer.Describe()
	if !reflect.DeepEqual(first, again) {
		t.Errorf("it describes itself in two ways:\n%+v\n%+v", first, again)
	}
	oneLine := func(what, text string) {
		if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\r\n") {
			t.Errorf("the text of %s is %q, not one line for people", what, text)
		}
	}
	oneLine("the capability", first.Text)
	if len(first.Methods) == 0 {
		t.Error("it has no method")
	}
	for _, m := range first.Methods {
		oneLine("method "+m.Name, m.Text)
		asked := false
		for _, c := range s.Cases {
			asked = asked || c.Method == m.Name && c.Reason == ""
		}
		if !asked {
			t.Errorf("no case asks for an answer of method %q", m.Name)
		}
	}
	nothing := document.Object()
	if offer.Config != nil {
		if found := offer.Config.Validate(document.MustParse(`"a text"`)); found == nil {
			t.Error("its Config schema is not that of an object")
		}
	}
	if offer.Grant != nil {
		if found := offer.Grant.Validate(document.MustParse(`"a text"`)); found == nil {
			t.Error("its Grant schema is not that of an object")
		}
		if checker, ok := offer.Capability.(capability.GrantChecker); ok && offer.Grant.Validate(nothing) == nil {
			_ = checker.CheckGrant(nothing) // must not panic
		}
	}
}

func (s Suite) answers(t *testing.T) {
	for _, c := range s.Cases {
		t.Run(c.name(), func(t *testing.T) {
			offer := s.made(t)
			for range 2 { // an answer must not depend on having been given
				s.ask(t, offer, c)
			}
		})
	}
}

func (s Suite) atOnce(t *testing.T) {
	offer := s.made(t)
	var wait sync.WaitGroup
	for range 4 {
		for _, c := range s.Cases {
			wait.Go(func() { s.ask(t, offer, c) })
		}
	}
	wait.Wait()
}

func (s Suite) canceled(t *testing.T) {
	because := errors.New("the attempt is over")
	for _, c := range s.Cases {
		offer := s.made(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(because)
		start := time.Now()
		_, _ = s.call(ctx, t, offer, c) // it may answer, if it has one
		if took := time.Since(start); took > Soon {
			t.Errorf("%s: begun when it was canceled already, it took %v", c.name(), took)
		}
	}
	if s.Slow == nil {
		return
	}
	offer := s.made(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	timer := time.AfterFunc(50*time.Millisecond, func() { cancel(because) })
	defer timer.Stop()
	start := time.Now()
	_, err := s.call(ctx, t, offer, *s.Slow)
	switch took := time.Since(start); {
	case ctx.Err() == nil:
		t.Errorf("%s: it ended after %v, before it was canceled: it is not slow (%v)", s.Slow.name(), took, err)
	case took > Soon:
		t.Errorf("%s: it ended %v after it was begun, and was canceled soon", s.Slow.name(), took)
	case err == nil:
		t.Errorf("%s: it was canceled, and answered", s.Slow.name())
	}
}

func (c Case) name() string { return cmp.Or(c.Name, strings.TrimSpace(c.Method+" "+c.Request)) }

// ask makes the call of a case and looks at what comes of it.
func (s Suite) ask(t *testing.T, offer *capability.Offer, c Case) {
	t.Helper()
	answer, err := s.call(t.Context(), t, offer, c)
	if err != nil {
		s.failed(t, c, err)
		return
	}
	if c.Reason != "" {
		t.Errorf("%s: it answered %s, but should have failed with reason %q", c.name(), answer.Document, c.Reason)
		return
	}
	if u := answer.Usage; u.InputTokens < 0 || u.OutputTokens < 0 || u.Cost < 0 {
		t.Errorf("%s: it used less than nothing: %+v", c.name(), u)
	}
	checked := answer.Document
	if checked.IsZero() {
		checked = document.Null()
	}
	if schema := offer.Method(c.Method).ResponseSchema; schema != nil {
		if found := schema.Validate(checked); found != nil {
			t.Errorf("%s: the answer %s breaks its schema: %v", c.name(), checked, found)
		}
	}
	if _, err := document.Parse(checked.Bytes(), document.Limits{}); err != nil {
		t.Errorf("%s: the answer is no document: %v", c.name(), err)
	}
	if c.Answer != "" && !checked.Equal(document.MustParse(c.Answer)) {
		t.Errorf("%s: got %s, want %s", c.name(), checked, c.Answer)
	}
	if c.Check != nil {
		c.Check(t, answer)
	}
}

var reason = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (s Suite) failed(t *testing.T, c Case, err error) {
	t.Helper()
	e, ok := errors.AsType[*capability.Error](err)
	switch {
	case c.Reason == "":
		t.Errorf("%s: %v", c.name(), err)
	case !ok:
		t.Errorf("%s: the error is not classified, it is a %T: %v", c.name(), err, err)
	case e.Reason != c.Reason || e.Denied != c.Denied || e.Retryable != c.Retryable:
		t.Errorf("%s: the error has reason %q, denied %v, retryable %v (%v); want %q, %v, %v",
			c.name(), e.Reason, e.Denied, e.Retryable, e, c.Reason, c.Denied, c.Retryable)
	}
	if !ok {
		return
	}
	switch {
	case !reason.MatchString(e.Reason):
		t.Errorf("%s: the reason %q is not lower case with underscores", c.name(), e.Reason)
	case strings.TrimSpace(e.Message) == "":
		t.Errorf("%s: the error says nothing", c.name())
	case e.Denied && e.Retryable:
		t.Errorf("%s: what is denied is not tried again", c.name())
	case e.RetryAfter < 0 || e.RetryAfter > 0 && !e.Retryable:
		t.Errorf("%s: retry after %v, of what is not tried again", c.name(), e.RetryAfter)
	}
}
