package provider

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// What does not become a provider is a complaint about [capabilities.NAME].
func TestStartProblems(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"exits":             `ended before it said hello: it ended with exit status 3; its last output: no licence` + "\uFFFD[31m found",
		"silent":            "did not say hello within 400ms",
		"garbage":           `is no provider: it began with "Hello, I am a web server."`,
		"endless garbage":   `is no provider: it began with "xxx`,
		"netrpc":            `unsupported plugin protocol "netrpc"`,
		"no certificate":    "could not be connected: it gave no certificate in its handshake",
		"no real one":       "could not be connected: error parsing server cert",
		"deaf":              "could not be asked what it offers: connection error",
		"elsewhere":         "not a loopback address",
		"version":           `speaks version "7" of the protocol, this chainrun speaks 1`,
		"refuses":           "does not speak chainrun.provider.v1",
		"hangs in describe": "did not say within",
		"dies in describe":  "ended when it was asked what it offers: it ended with exit status 9",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var err error
			for start := time.Second; start < time.Minute; start *= 2 {
				p := started(t, Options{Allow: allow(t)})
				switch kind {
				case "silent":
					p.bounds.start = 400 * time.Millisecond
				case "deaf", "hangs in describe":
					p.bounds.start = start
				}
				_, err = p.Configure("db", document.MustParse(`{"provider":"`+strings.ReplaceAll(kind, " ", "-")+`"}`))
				if kind == "silent" || !strings.Contains(fmt.Sprint(err), "did not say hello") {
					break // else a busy machine has not brought it so far
				}
			}
			problems, ok := errors.AsType[capability.Problems](err)
			if !ok || problems[0].Pointer != "/provider" || !strings.Contains(problems[0].Text, want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if len(problems) > 0 && len(problems[0].Text) > 3000 {
				t.Errorf("a text of %d bytes", len(problems[0].Text))
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/nowhere/at/all", "/", "/etc/passwd"} {
			p := started(t, Options{Allow: func(string) (Program, bool) { return Program{Path: path}, true }})
			_, err := p.Configure("db", document.MustParse(`{"provider":"x"}`))
			if problems, ok := errors.AsType[capability.Problems](err); !ok || !strings.Contains(problems[0].Text, path) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

// What breaks the protocol ends in the right code, and the process goes on.
func TestInvalidAnswers(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"bad"}`)
	for request, want := range map[string]struct {
		reason, message string
		retryable       bool
	}{
		"not JSON":                    {"provider_invalid_answer", "its answer", false},
		"two documents":               {"provider_invalid_answer", "its answer", false},
		"invalid UTF-8":               {"provider_invalid_answer", "its answer", false},
		"too deep":                    {"provider_invalid_answer", "its answer", false},
		"nothing":                     {"provider_invalid_answer", "without an answer", false},
		"two answers":                 {"provider_invalid_answer", "went on after its answer", false},
		"empty event":                 {"provider_invalid_answer", "neither", false},
		"partial that is not JSON":    {"provider_invalid_answer", "a partial", false},
		"negative usage":              {"provider_invalid_answer", "negative", false},
		"negative usage of a failure": {"provider_invalid_answer", "negative", false},
		"odd reason":                  {"provider_invalid_answer", `"Who knows?"`, false},
		"large document":              {"provider_flood", "larger than 16777216 bytes", false},
		"large message":               {"provider_flood", "more than 25165824 bytes", false},
		"internal":                    {"provider_error", "Internal: oh no", false},
		"unavailable":                 {"provider_error", "Unavailable: later", true},
		"invalid argument":            {"provider_error", "InvalidArgument: what?", false},
		"deadline exceeded":           {"provider_timeout", "deadline", true},
	} {
		_, err := ask(t.Context(), c, "do", `"`+request+`"`)
		e, ok := errors.AsType[*capability.Error](err)
		if !ok || e.Reason != want.reason || !strings.Contains(e.Message, want.message) || e.Retryable != want.retryable || e.Denied {
			t.Errorf("%s: got %#v, want %v", request, err, want)
		}
	}
	_, err := ask(t.Context(), c, "do", `"endless wait"`)
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.RetryAfter != maxRetryAfter || len(e.Message) > maxMessage+100 {
		t.Errorf("endless wait: %v", e.RetryAfter)
	}
	for _, request := range []string{"fine", "an error after the answer"} {
		if a, err := ask(t.Context(), c, "do", `"`+request+`"`); err != nil || a.Document.String() != "1" {
			t.Errorf("%s: %v, %v", request, a.Document, err)
		}
	}
}

func TestFlood(t *testing.T) {
	p := started(t, Options{})
	p.bounds.partials = 1000
	c := configure(t, p, `{"provider":"good"}`)
	for _, method := range []string{"huge", "endless"} {
		_, err := ask(t.Context(), c, method, "")
		if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "provider_flood" || e.Retryable {
			t.Errorf("%s: %v", method, err)
		}
	}
	request := document.String(strings.Repeat("x", document.DefaultBytes-2))
	q := question("echo", "")
	q.Request = request
	if a, err := c.Call(t.Context(), q); err != nil || !a.Document.Equal(request) {
		t.Errorf("a document of 16 MiB does not pass: %v", err)
	}
	q.Grant = document.Object(document.Field{Key: "key", Value: document.String(strings.Repeat("x", 10<<20))})
	_, err := c.Call(t.Context(), q)
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "provider_request_too_large" {
		t.Errorf("a request that is too large: %v", err)
	}
}

// begun gives a question whose first partial closes the channel.
func begun(method string) (capability.Call, <-chan struct{}) {
	q, c := question(method, ""), make(chan struct{})
	q.Partial = func(document.Document) { close(c) }
	return q, c
}

// A call that crashes the process takes down those beside it, and the next one
// finds another process.
func TestCrash(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	pid := answered(t, c, "pid")
	beside := make(chan error, 1)
	q, running := begun("block")
	go func() {
		_, err := c.Call(t.Context(), q)
		beside <- err
	}()
	<-running
	_, err := ask(t.Context(), c, "crash", "")
	for _, err := range []error{err, <-beside} {
		e, ok := errors.AsType[*capability.Error](err)
		if !ok || e.Reason != "provider_crashed" || !e.Retryable || !strings.Contains(e.Message, "exit status 2") ||
			!strings.Contains(e.Message, "panic: dead") {
			t.Errorf("got %v", err)
		}
	}
	if answered(t, c, "pid") == pid {
		t.Error("the process that crashed answers")
	}
}

// Crashes among many calls: whatever fails may be tried again, and does not stay.
func TestManyCrashes(t *testing.T) {
	before := runtime.NumGoroutine()
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 30 {
				method := "echo"
				if (i+j)%15 == 0 {
					method = "crash"
				}
				_, err := ask(t.Context(), c, method, `"x"`)
				e, ok := errors.AsType[*capability.Error](err)
				again := ok && e.Retryable && (e.Reason == "provider_crashed" || e.Reason == "provider_unavailable")
				if (err == nil) != (method == "echo") && !again {
					t.Errorf("%s: %v", method, err)
				}
			}
		})
	}
	all.Wait()
	answered(t, c, "pid")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	settle(t, "many crashes", before)
}

func TestBackoff(t *testing.T) {
	p := started(t, Options{})
	p.bounds.firstInterval, p.bounds.lastInterval = time.Hour, time.Hour
	c := configure(t, p, `{"provider":"good"}`)
	if _, err := ask(t.Context(), c, "crash", ""); err == nil {
		t.Fatal("it did not crash")
	}
	_, err := ask(t.Context(), c, "echo", "")
	e, ok := errors.AsType[*capability.Error](err)
	if !ok || e.Reason != "provider_unavailable" || !e.Retryable || e.RetryAfter < 59*time.Minute || e.RetryAfter > time.Hour ||
		!strings.Contains(e.Message, "exit status 2") {
		t.Errorf("got %+v", err)
	}
}

func TestGate(t *testing.T) {
	g := newGate(defaultBounds)
	now := time.Unix(1000, 0)
	if g.closedFor(now) > 0 {
		t.Error("the first start waits")
	}
	var waits []string
	for range 10 {
		g.ended(now, time.Second)
		waits = append(waits, g.closedFor(now).String())
	}
	if got := strings.Join(waits, " "); got != "200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 30s 30s" {
		t.Error(got)
	}
	if g.closedFor(now.Add(30*time.Second)) > 0 {
		t.Error("the interval does not end")
	}
	g.ended(now, time.Minute)
	if g.closedFor(now) != 200*time.Millisecond {
		t.Error("a long life does not make up for crashes")
	}
}

// An answer after the deadline is nobody's.
func TestLateAnswer(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	pid := answered(t, c, "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := ask(ctx, c, "late", "")
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "provider_timeout" || !e.Retryable {
		t.Errorf("got %v", err)
	}
	if got := answered(t, c, "release"); got != "released" {
		t.Error(got)
	}
	if got := answered(t, c, "late"); got != "late" {
		t.Error(got)
	}
	if answered(t, c, "pid") != pid {
		t.Error("a provider that was late once was started anew")
	}
}

func TestCancel(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	stop := errors.New("the run was canceled")
	ctx, cancel := context.WithCancelCause(t.Context())
	q, running := begun("block")
	go func() {
		<-running
		cancel(stop)
	}()
	if _, err := c.Call(ctx, q); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	for deadline := time.Now().Add(time.Minute); answered(t, c, "canceled") != "1"; {
		if time.Now().After(deadline) {
			t.Fatal("the provider was not told")
		}
	}
}

func TestCloseInFlight(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`)
	var failed [2]chan error
	for i, method := range []string{"block", "late"} { // one that listens and one that does not
		failed[i] = make(chan error, 1)
		q, running := begun(method)
		go func() {
			_, err := c.Call(t.Context(), q)
			failed[i] <- err
		}()
		<-running
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for _, f := range failed {
		if err := <-f; !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// Close in the middle of a start that never comes to an end.
func TestCloseInStart(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"silent", "deaf", "hangs-in-describe"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := started(t, Options{})
			p.bounds.grace = 100 * time.Millisecond
			begun, result := time.Now(), make(chan error, 1)
			go func() {
				_, err := p.Configure("db", document.MustParse(`{"provider":"`+kind+`"}`))
				result <- err
			}()
			for alive := false; !alive; {
				p.mu.Lock()
				for _, s := range p.slots {
					s.mu.Lock()
					alive = s.starting != nil
					s.mu.Unlock()
				}
				p.mu.Unlock()
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if err := <-result; err == nil {
				t.Error("it was configured")
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	var got []string
	l := lines{to: func(s string) { got = append(got, s) }}
	for _, piece := range []string{"a", "b\nc", "\n", strings.Repeat("x", 3*lineBytes), "y\nend\n", "rest"} {
		fmt.Fprint(&l, piece)
	}
	if len(got) != 4 || got[0] != "ab" || got[1] != "c" || got[2] != strings.Repeat("x", lineBytes) || got[3] != "end" {
		t.Errorf("%.40q", got)
	}
	o := newOutput(New(Options{}).logger)
	o.rate = rate.NewLimiter(0, burst) // no second passes, however slow the machine
	for i := range 5000 {
		o.line(fmt.Sprint("line ", i, strings.Repeat("é", 300)))
	}
	if last := o.last(); len(last) > lastBytes+100 || !strings.Contains(last, "line 4999") || o.dropped != 5000-burst {
		t.Errorf("%d dropped, %s", o.dropped, last)
	}
	if got := printable("a\x00b\x1b[0m\r\nc\u202ed\xff", 100); got != "a\uFFFDb\uFFFD[0m  c\uFFFDd\uFFFD" {
		t.Errorf("%q", got)
	}
	if got := printable(strings.Repeat("é", 100), 9); got != "éééé…" {
		t.Errorf("%q", got)
	}
}
