package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
	"github.com/chainrun/chainrun/host/document"
)

// self is this test binary as a provider of some kind.
func self(tb testing.TB, kind string) Program {
	tb.Helper()
	path, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return Program{Path: path, Args: []string{"serve", kind}, Env: []string{"GORACE"}}
}

// allow gives the kinds of served_test.go by their names, with "-" for " ".
func allow(tb testing.TB) func(string) (Program, bool) {
	tb.Helper()
	return func(kind string) (Program, bool) {
		return self(tb, strings.ReplaceAll(kind, "-", " ")), kind != "unknown"
	}
}

// started makes a capability whose crashes are forgiven at once.
func started(tb testing.TB, o Options) *Capability {
	tb.Helper()
	if o.Allow == nil {
		o.Allow = allow(tb)
	}
	p := New(o)
	p.bounds.firstInterval, p.bounds.lastInterval = time.Nanosecond, time.Nanosecond
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func configure(tb testing.TB, p *Capability, settings string) capability.Capability {
	tb.Helper()
	c, err := p.Configure("db", document.MustParse(settings))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func ask(ctx context.Context, c capability.Capability, method, request string) (capability.Answer, error) {
	return c.Call(ctx, question(method, request))
}

func question(method, request string) capability.Call {
	c := capability.Call{
		Method: method, Grant: document.Object(), Secrets: secrets{}, Partial: func(document.Document) {},
		Left: capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: 5},
	}
	if request != "" {
		c.Request = document.MustParse(request)
	}
	return c
}

// answered gives the text that a call is answered with.
func answered(tb testing.TB, c capability.Capability, method string) string {
	tb.Helper()
	a, err := ask(tb.Context(), c, method, "")
	if err != nil {
		tb.Fatalf("%s: %v", method, err)
	}
	v, err := a.Document.Value()
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprint(v)
}

type secrets struct{}

func (secrets) Expand(s string) (string, error) {
	if strings.Contains(s, "${secret:NONE}") {
		return "", errors.New("secret NONE has no value")
	}
	return strings.ReplaceAll(s, "${secret:DB}", `pass"word-of-db`), nil
}

func (secrets) Env(string) (string, bool) { return "", false }

func TestCall(t *testing.T) {
	c := configure(t, started(t, Options{}), `{"provider":"good"}`)
	a, err := ask(t.Context(), c, "echo", `{"text": "hi"}`)
	if err != nil {
		t.Fatal(err)
	}
	if a.Document.String() != `{"text": "hi"}` || a.Usage != (capability.Usage{InputTokens: 1, OutputTokens: 2, Cost: 3}) {
		t.Errorf("got %v, %+v", a.Document, a.Usage)
	}
	if a, err := ask(t.Context(), c, "echo", ""); err != nil || !a.Document.IsZero() {
		t.Errorf("an absent request came back as %v, %v", a.Document, err)
	}

	q := question("caller", "")
	q.Caller = capability.Caller{Run: "r", Graph: "g", Step: "n[2]", Node: "n", Attempt: 3, Ordinal: 4}
	q.Key = strings.Repeat("ab", 32)
	if a, err = c.Call(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	want := document.String(fmt.Sprintf("%+v %+v %s", q.Caller, q.Left, q.Key))
	if !a.Document.Equal(want) {
		t.Errorf("the provider was told %v, not %v", a.Document, want)
	}

	var partials []string
	q = question("partials", "")
	q.Partial = func(d document.Document) { partials = append(partials, d.String()) }
	if _, err := c.Call(t.Context(), q); err != nil || strings.Join(partials, " ") != "0 1 2" {
		t.Errorf("partials: %v, %v", partials, err)
	}
}

// shared is a capability that the suite does not close.
type shared struct{ capability.Configurable }

func TestSuite(t *testing.T) {
	p := started(t, Options{})
	capabilitytest.Run(t, capabilitytest.Suite{
		New:      func(*testing.T) capability.Capability { return shared{p} },
		Settings: `{"provider":"suite"}`,
		Cases: []capabilitytest.Case{
			{Method: "echo", Request: `{"text":"a\u0000é"}`, Answer: `{"text":"a\u0000é"}`},
			{Method: "refuse", Request: `{"text":"tea"}`, Answer: `{"text":"tea"}`},
			{Method: "refuse", Request: `{"text":"busy"}`, Reason: "busy", Retryable: true},
			{Method: "refuse", Request: `{"text":"coffee"}`, Reason: "not_tea", Denied: true},
			{Method: "sleep", Request: `{"text":"short"}`},
		},
		Slow: &capabilitytest.Case{Method: "sleep", Request: `{"text":"long"}`},
	})
}

// What the provider keeps for a config is closed when the host is.
func TestClosed(t *testing.T) {
	sign := filepath.Join(t.TempDir(), "closed")
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good","config":{"url":"file:`+sign+`"}}`)
	answered(t, c, "pid")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(sign); err != nil {
		t.Error(err)
	}
}

// What cannot be served says so, to the operator and by hand.
func TestNotServed(t *testing.T) {
	p := started(t, Options{})
	for kind, want := range map[string]string{
		"opener":     "exit status 1; its last output: provider.test: a capability.Opener cannot be served",
		"no-methods": "exit status 1; its last output: provider.test: the capability has no methods",
	} {
		_, err := p.Configure("db", document.MustParse(`{"provider":"`+kind+`"}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	out, err := exec.CommandContext(t.Context(), self(t, "good").Path, "serve", "good").CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 2 || !strings.Contains(string(out), "--provider NAME=") {
		t.Errorf("by hand: %v, %s", err, out)
	}
}

func TestFailure(t *testing.T) {
	c := configure(t, started(t, Options{}), `{"provider":"good"}`)
	_, err := ask(t.Context(), c, "fail", "")
	e, ok := errors.AsType[*capability.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	want := capability.Error{
		Reason: "busy", Message: `provider "good": come again`, Retryable: true,
		RetryAfter: 1500 * time.Millisecond, Usage: capability.Usage{Cost: 7},
	}
	if *e != want {
		t.Errorf("got %+v, want %+v", *e, want)
	}
	_, err = ask(t.Context(), c, "odd", "")
	if _, ok := errors.AsType[*capability.Error](err); ok || err == nil || !strings.Contains(err.Error(), "something odd") {
		t.Errorf("an error without a reason came as %#v", err)
	}
}

// Secrets are put in place on the way out, and nowhere else.
func TestSecrets(t *testing.T) {
	var log lockedLog
	p := started(t, Options{Logger: slog.New(&log)})
	c := configure(t, p, `{"provider":"good","config":{"url":"db:${secret:DB}@host"}}`)
	if got, want := answered(t, c, "config"), `{"url":"db:pass\"word-of-db@host"}`; got != want {
		t.Errorf("the config came as %s, want %s", got, want)
	}
	q := question("grant", "")
	q.Grant = document.MustParse(`{"key":"${secret:DB}","words":3}`)
	a, err := c.Call(t.Context(), q)
	if err != nil || !a.Document.Equal(document.MustParse(`{"key":"pass\"word-of-db","words":3}`)) {
		t.Errorf("the grant came as %v, %v", a.Document, err)
	}
	q.Grant = document.MustParse(`{"key":"${secret:NONE}"}`)
	if _, err = c.Call(t.Context(), q); err == nil || !strings.Contains(err.Error(), "NONE") {
		t.Errorf("a secret without a value: %v", err)
	}

	if _, err := ask(t.Context(), c, "write", `"connecting with pass\"word-of-db\u001b[2J now\n"`); err != nil {
		t.Fatal(err)
	}
	line := log.wait(t, "connecting")
	if want := "connecting with [secret]\uFFFD[2J now"; line != want {
		t.Errorf("the log has %q, want %q", line, want)
	}
	if last := c.(*configured).slot.current.output.last(); strings.Contains(last, "word-of-db") {
		t.Errorf("the secret is kept for errors: %s", last)
	}
}

func TestConfigureProblems(t *testing.T) {
	p := started(t, Options{})
	for _, test := range []struct{ settings, pointer, text, hint string }{
		{`{"provider":"unknown"}`, "/provider", `no program is known for provider "unknown"`, "start with --provider unknown=PATH"},
		{`{"provider":"good","config":{"uri":"x"}}`, "/config", `"uri" is not allowed`, ""},
		{`{"provider":"good","config":{"url":5}}`, "/config/url", "string", ""},
		{`{"provider":"bad","config":{"url":5}}`, "/config", "takes no config", "leave it out"},
		{`{"provider":"describes-wrongly"}`, "/provider", "describes itself wrongly", ""},
	} {
		c, err := p.Configure("db", document.MustParse(test.settings))
		problems, ok := errors.AsType[capability.Problems](err)
		if c != nil || !ok {
			t.Errorf("%s: got %v, %v", test.settings, c, err)
			continue
		}
		if p := problems[0]; p.Pointer != test.pointer || !strings.Contains(p.Text, test.text) || p.Hint != test.hint {
			t.Errorf("%s: got %+v", test.settings, p)
		}
	}
	if _, err := p.Call(t.Context(), capability.Call{}); err == nil {
		t.Error("a capability that nobody configured answered")
	}
	if _, err := capability.NewOffer("provider", p); err != nil {
		t.Error(err)
	}
}

func TestCheckGrant(t *testing.T) {
	p := started(t, Options{})
	c := configure(t, p, `{"provider":"good"}`).(capability.GrantChecker)
	if found := c.CheckGrant(document.MustParse(`{"words":12}`)); found != nil {
		t.Errorf("12: %v", found)
	}
	want := capability.Problem{Pointer: "/words", Text: "13 is not lucky", Hint: "write 12"}
	if found := c.CheckGrant(document.MustParse(`{"words":13}`)); len(found) != 1 || found[0] != want {
		t.Errorf("13: %v", found)
	}
	// It need not be implemented.
	c = configure(t, p, `{"provider":"bad"}`).(capability.GrantChecker)
	if found := c.CheckGrant(document.Object()); found != nil {
		t.Error(found)
	}
}

// Graphs that name the same file share the process; what they set is their own.
func TestShared(t *testing.T) {
	p := started(t, Options{})
	a := configure(t, p, `{"provider":"good","config":{"url":"a"}}`)
	b := configure(t, p, `{"provider":"good","config":{"url":"b"}}`)
	if answered(t, a, "pid") != answered(t, b, "pid") {
		t.Error("two graphs have two processes")
	}
	if answered(t, a, "config") == answered(t, b, "config") {
		t.Error("two graphs have one config")
	}
	_, err := ask(t.Context(), configure(t, p, `{"provider":"good","config":{"url":"refuse"}}`), "config", "")
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "invalid_config" || !strings.Contains(e.Message, "this url is refused") {
		t.Errorf("a config that the provider refuses: %v", err)
	}
}

func TestConcurrentCalls(t *testing.T) {
	c := configure(t, started(t, Options{}), `{"provider":"good"}`)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for j := range 10 {
				request := fmt.Sprintf(`"%d/%d"`, i, j)
				if a, err := ask(t.Context(), c, "echo", request); err != nil || a.Document.String() != request {
					t.Errorf("%s: %v, %v", request, a.Document, err)
				}
			}
		})
	}
	all.Wait()
}

// A thousand calls leave no goroutine, and Close leaves none at all.
func TestGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	p := New(Options{Allow: allow(t)})
	c := configure(t, p, `{"provider":"good"}`)
	call := func(n int) {
		for range n {
			if _, err := ask(t.Context(), c, "echo", `{"text":"hi"}`); err != nil {
				t.Fatal(err)
			}
		}
	}
	call(10)
	running := runtime.NumGoroutine()
	call(1000)
	settle(t, "1,000 calls", running)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	settle(t, "Close", before)
	if _, err := ask(t.Context(), c, "echo", ""); !errors.Is(err, errClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	if _, err := p.Configure("db", document.MustParse(`{"provider":"good"}`)); !errors.Is(err, errClosed) {
		t.Errorf("Configure after Close: %v", err)
	}
}

// settle waits until no more goroutines run than before.
func settle(t *testing.T, after string, most int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > most; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("after %s: %d goroutines, %d before\n%s", after, runtime.NumGoroutine(), most, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func sum(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

func TestChecksum(t *testing.T) {
	dir := t.TempDir()
	path, marker := filepath.Join(dir, "program"), filepath.Join(dir, "marker")
	binary, err := os.ReadFile(self(t, "good").Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, binary, 0o700); err != nil {
		t.Fatal(err)
	}
	right := sum(t, path)
	p := started(t, Options{Allow: func(string) (Program, bool) { return Program{Path: path, Args: []string{"serve", "good"}}, true }})

	_, err = p.Configure("db", document.MustParse(`{"provider":"good","checksum":"sha256:`+strings.Repeat("0", 64)+`"}`))
	if problems, ok := errors.AsType[capability.Problems](err); !ok || problems[0].Pointer != "/checksum" ||
		!strings.Contains(problems[0].Hint, right) {
		t.Errorf("a wrong checksum: %v", err)
	}
	c := configure(t, p, `{"provider":"good","checksum":"`+right+`"}`)
	if got := answered(t, c, "executable"); got == path || !strings.Contains(got, "chainrun-provider-") || !strings.HasSuffix(got, "(deleted)") {
		t.Errorf("what runs is %s", got)
	}

	// Another program takes its place while it runs: it is never started.
	replaced := "#!/bin/sh\ntouch " + marker + "\n"
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(replaced), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t.Context(), c, "crash", ""); err == nil {
		t.Fatal("it did not crash")
	}
	_, err = ask(t.Context(), c, "echo", "")
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Reason != "provider_checksum" || e.Retryable {
		t.Errorf("after the file was replaced: %v", err)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("the other program was started")
	}

	// The operator's checksum holds whatever a graph says.
	pinned := started(t, Options{Allow: func(string) (Program, bool) {
		return Program{Path: path, Checksum: right}, true
	}})
	if _, err = pinned.Configure("db", document.MustParse(`{"provider":"x","checksum":"`+sum(t, path)+`"}`)); err == nil {
		t.Error("a graph's checksum took the place of the operator's")
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("the other program was started")
	}
}

// A script is executed where it is.
func TestScript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec '"+self(t, "good").Path+"' serve good\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := started(t, Options{Allow: func(string) (Program, bool) { return Program{Path: path}, true }})
	c := configure(t, p, `{"provider":"x","checksum":"`+sum(t, path)+`"}`)
	answered(t, c, "pid")
}

func TestEnvironment(t *testing.T) {
	t.Setenv("CHAINRUN_TEST_SECRET", "hush")
	t.Setenv("CHAINRUN_TEST_PASSED", "on")
	p := started(t, Options{Allow: func(string) (Program, bool) {
		program := self(t, "good")
		program.Env = append(program.Env, "CHAINRUN_TEST_PASSED")
		return program, true
	}})
	c := configure(t, p, `{"provider":"good"}`)
	env := answered(t, c, "environment")
	if strings.Contains(env, "hush") || strings.Contains(env, "HOME=") || !strings.Contains(env, "PATH=") || !strings.Contains(env, "CHAINRUN_TEST_PASSED=on") {
		t.Errorf("the provider has\n%s", env)
	}
	dir := answered(t, c, "directory")
	if here, _ := os.Getwd(); dir == here {
		t.Errorf("it works in %s", dir)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
}

// lockedLog keeps the messages that were logged.
type lockedLog struct {
	mu    sync.Mutex
	lines []string
}

func (*lockedLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *lockedLog) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *lockedLog) WithGroup(string) slog.Handler          { return l }

func (l *lockedLog) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, r.Message)
	return nil
}

// wait waits for a message that begins so: it comes on another way than answers.
func (l *lockedLog) wait(t *testing.T, prefix string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		l.mu.Lock()
		lines := l.lines
		l.mu.Unlock()
		for _, line := range lines {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
	}
	t.Fatalf("the log has no line that begins with %q: %q", prefix, l.lines)
	return ""
}
