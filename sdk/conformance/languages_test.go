// What every SDK promises: one module a language with six entries, called in
// chainrun's sandbox. A language's own file builds its module and registers it:
//
//	var _ = register("rust", buildRust)
//
// The entries, each exported as chainrun_run_v1:NAME:
//
//	echo      any document → the same
//	total     {customer, lines: [{sku, quantity, cents}]} → {customer: in ASCII capitals,
//	          cents: Σ quantity × cents × config.factor, lines: their number};
//	          a wrong type is an error with code bad_input
//	fail      {code, message, retryable} → fails with exactly that
//	feedback  any → {count, pointers, keywords} of the violations
//	ask       {capability, method, payload} → {answer}; a failed call is the node's failure
//	log       {lines: n} → n records "line I" with {"i": I}, level info; {lines: n}
//
// The manifest, derived or in a section, has the name "conformance" and schemas
// for the entry total.

package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
	hostfailure "github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/schema"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// A language builds its conformance module. build skips the test where the
// toolchain is not installed, and says which package brings it.
type language struct {
	name  string
	build func(t *testing.T) []byte
}

var languages []language

// register adds a language; build is called once in a run of the tests.
func register(name string, build func(t *testing.T) []byte) bool {
	var mu sync.Mutex
	var wasm []byte
	languages = append(languages, language{name, func(t *testing.T) []byte {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if wasm == nil {
			wasm = build(t)
		}
		return wasm
	}})
	slices.SortFunc(languages, func(a, b language) int { return cmp.Compare(a.name, b.name) })
	return true
}

// built gives a language's module.
func built(t *testing.T, name string) []byte {
	t.Helper()
	i := slices.IndexFunc(languages, func(l language) bool { return l.name == name })
	if i < 0 {
		t.Fatalf("no language %q", name)
	}
	return languages[i].build(t)
}

func TestLanguages(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			n := &node{load(t, l.build(t))}
			for _, c := range []struct {
				name string
				test func(t *testing.T, n *node)
			}{
				{"exports", testExports},
				{"echo", testEcho},
				{"total", testTotal},
				{"config", testConfig},
				{"fail", testFail},
				{"feedback", testFeedback},
				{"ask", testAsk},
				{"log", testLog},
				{"malformed", testMalformed},
				{"limits", testLimits},
				{"repeatable", testRepeatable},
				{"manifest", testManifest},
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, n) })
			}
		})
	}
}

// node is a language's module.
type node struct{ program *sandbox.Program }

// call makes an attempt, without a bound of time that a busy machine could meet.
func (n *node) call(t *testing.T, c sandbox.Call) sandbox.Result {
	t.Helper()
	c.Limits.Timeout = time.Hour
	got, err := n.program.Call(context.Background(), c)
	if err != nil {
		t.Fatalf("%s: %v", c.Entry, err)
	}
	return got
}

// gives demands an output that is the same JSON value as want.
func (n *node) gives(t *testing.T, c sandbox.Call, want string) sandbox.Result {
	t.Helper()
	got := n.call(t, c)
	if got.Stop != nil {
		t.Errorf("%s %.100s: stopped: %+v", c.Entry, c.Input, got.Stop)
	} else if !sameJSON(got.Output, []byte(want)) {
		t.Errorf("%s %.100s: got %.200s, want %.200s", c.Entry, c.Input, got.Output, want)
	}
	return got
}

// fails demands an error document of the node's own.
func (n *node) fails(t *testing.T, c sandbox.Call) sandbox.Stop {
	t.Helper()
	got := n.call(t, c)
	if got.Stop == nil {
		t.Fatalf("%s %.100s: did not fail: %.200s", c.Entry, c.Input, got.Output)
	}
	if got.Stop.Reason != sandbox.NodeError {
		t.Fatalf("%s %.100s: stopped by %+v, want an error of the node's own", c.Entry, c.Input, got.Stop)
	}
	return *got.Stop
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func ask(entry, input string) sandbox.Call { return sandbox.Call{Entry: entry, Input: []byte(input)} }

func testExports(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	if abi, err := n.program.Module().ABI(); err != nil || abi != module.ABIReactor {
		t.Fatalf("the ABI is %v, %v", abi, err)
	}
	entries := n.program.Module().Entries()
	for _, want := range []string{"ask", "echo", "fail", "feedback", "log", "total"} {
		if !slices.Contains(entries, want) {
			t.Errorf("no entry %q in %q", want, entries)
		}
	}
}

func testEcho(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	for _, doc := range []string{
		`null`, `true`, `0`, `-1`, `9007199254740991`, `-9007199254740991`, `0.1`, `-2.5e-7`, `1e300`, `""`, `[]`, `{}`, ` [ 1 , 2 ] `,
		`{"a": [1, 2.5, "é", null, false, {"b": {}}], "": "empty", "A": 0}`,
		`"quote \" backslash \\ slash \/ control \u0001 \b\f\n\r\t zero \u0000 é \u00e9 😀 \ud83d\ude00"`,
		`{"__proto__": 1, "constructor": 2, "toString": 3, "é\n": 4}`,
		`{"2": "b", "1": "a", "10": "c"}`,
		`"` + strings.Repeat("é", 500_000) + `"`,
		`[` + strings.Repeat(`{"sku":"x","n":1},`, 20_000) + `{}]`,
		strings.Repeat(`[`, 500) + strings.Repeat(`]`, 500),
		strings.Repeat(`{"a":`, 500) + `1` + strings.Repeat(`}`, 500),
	} {
		n.gives(t, ask("echo", doc), doc)
	}
}

const order = `{"customer": "Ada \"ß\" Lovelace", "lines": [{"sku": "tea", "quantity": 3, "cents": 350}, {"sku": "cake", "quantity": 1, "cents": 1200}]}`

func testTotal(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	for input, want := range map[string]string{
		order:                           `{"customer": "ADA \"ß\" LOVELACE", "cents": 2250, "lines": 2}`,
		`{"customer": "", "lines": []}`: `{"customer": "", "cents": 0, "lines": 0}`,
		`{"lines":[{"cents":-50,"quantity":2,"sku":"é"}],"customer":"z"}`:                                                   `{"customer": "Z", "cents": -100, "lines": 1}`,
		`{"customer": "big", "lines": [{"sku": "a", "quantity": 1000000, "cents": 2000000}]}`:                               `{"customer": "BIG", "cents": 2000000000000, "lines": 1}`,
		`{"customer": "esc\u0061pe", "lines": [{"sku": "\ud83d\ude00", "quantity": 0, "cents": 0}]}`:                        `{"customer": "ESCAPE", "cents": 0, "lines": 1}`,
		`{"customer": "many", "lines": [` + strings.Repeat(`{"sku":"x","quantity":2,"cents":3},`, 30_000) + lastLine + `]}`: `{"customer": "MANY", "cents": 180001, "lines": 30001}`,
	} {
		n.gives(t, ask("total", input), want)
	}
	for _, input := range wrongTypes {
		if stop := n.fails(t, ask("total", input)); stop.Code != "bad_input" || stop.Message == "" || stop.Retryable {
			t.Errorf("total %s: got %+v, want code bad_input", input, stop)
		}
	}
}

const lastLine = `{"sku":"y","quantity":1,"cents":1}`

// wrongTypes are refused by the entry total and by its input schema.
var wrongTypes = []string{
	`null`, `[]`, `"x"`, `1`, `true`,
	`{"customer": 5, "lines": []}`,
	`{"customer": ["a"], "lines": []}`,
	`{"customer": "a", "lines": 1}`,
	`{"customer": "a", "lines": {}}`,
	`{"customer": "a", "lines": [1]}`,
	`{"customer": "a", "lines": [{"sku": 1, "quantity": 1, "cents": 1}]}`,
	`{"customer": "a", "lines": [{"sku": "a", "quantity": "1", "cents": 1}]}`,
	`{"customer": "a", "lines": [{"sku": "a", "quantity": 1, "cents": true}]}`,
	`{"customer": "a", "lines": [{"sku": "a", "quantity": 1.5, "cents": 1}]}`,
}

func testConfig(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	for config, want := range map[string]string{
		`{"factor": 3}`:  `{"customer": "ADA \"ß\" LOVELACE", "cents": 6750, "lines": 2}`,
		`{"factor": -1}`: `{"customer": "ADA \"ß\" LOVELACE", "cents": -2250, "lines": 2}`,
		`{"factor": 2, "rest": "` + strings.Repeat("y", 100_000) + `"}`: `{"customer": "ADA \"ß\" LOVELACE", "cents": 4500, "lines": 2}`,
	} {
		c := ask("total", order)
		c.Config = []byte(config)
		n.gives(t, c, want)
	}
	c := ask("total", order)
	c.Config = []byte(`{"factor": "three"}`)
	if stop := n.fails(t, c); stop.Code == "" || stop.Message == "" {
		t.Errorf("a config of the wrong type: got %+v", stop)
	}
}

func testFail(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	for _, want := range []sandbox.Stop{
		{Code: "unknown_sku", Message: "no price for \"tea\" \\ \n é 😀", Retryable: false},
		{Code: "busy", Message: "later", Retryable: true},
		{Code: "long", Message: strings.Repeat("é", 10_000), Retryable: false},
	} {
		input, err := json.Marshal(map[string]any{"code": want.Code, "message": want.Message, "retryable": want.Retryable})
		if err != nil {
			t.Fatal(err)
		}
		if stop := n.fails(t, ask("fail", string(input))); stop.Code != want.Code || stop.Message != want.Message || stop.Retryable != want.Retryable {
			t.Errorf("%.100s: got %+v", input, stop)
		}
	}
}

func testFeedback(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	n.gives(t, ask("feedback", `{}`), `{"count": 0, "pointers": [], "keywords": []}`)
	for feedback, want := range map[string]string{
		`[{"pointer":"/films/21/title","keyword":"type","message":"must be a string, found 1776","found":1776},` +
			`{"pointer":"","keyword":"required","message":"needs \"a\""},` +
			`{"pointer":"/a~1b/é","keyword":"maximum","message":"too big","found":{"deep":[1,null]},"later":"ignored"}]`: `{"count": 3, "pointers": ["/films/21/title", "", "/a~1b/é"], "keywords": ["type", "required", "maximum"]}`,
		`[` + strings.Repeat(`{"pointer":"/a","keyword":"k","message":"m","found":"`+strings.Repeat("z", 1000)+`"},`, 49) +
			`{"pointer":"/z","keyword":"l","message":"m"}]`: `{"count": 50, "pointers": [` + strings.Repeat(`"/a",`, 49) + `"/z"], "keywords": [` + strings.Repeat(`"k",`, 49) + `"l"]}`,
	} {
		c := ask("feedback", `{}`)
		c.Feedback = []byte(feedback)
		n.gives(t, c, want)
	}
}

func testAsk(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	// answering makes the call with a host that gives one answer.
	answering := func(t *testing.T, payload string, a sandbox.HostAnswer) sandbox.Call {
		t.Helper()
		c := ask("ask", `{"capability": "clerk", "method": "look_up", "payload": `+payload+`}`)
		asked := 0
		c.Host = func(_ context.Context, c sandbox.HostCall) (sandbox.HostAnswer, error) {
			if asked++; asked > 1 || c.Capability != "clerk" || c.Method != "look_up" || !sameJSON(c.Payload, []byte(payload)) {
				t.Errorf("call %d: asked %s.%s %.100s", asked, c.Capability, c.Method, c.Payload)
			}
			return a, nil
		}
		return c
	}
	for _, answer := range []string{
		`null`, `{"text": "é \" 😀"}`, `[1, 2.5]`, `"` + strings.Repeat("z", 100_000) + `"`, `{"text": "` + strings.Repeat("é", 1_000_000) + `"}`,
	} {
		n.gives(t, answering(t, `{"q": [1, {"b": null}]}`, sandbox.HostAnswer{Result: []byte(answer)}), `{"answer": `+answer+`}`)
	}
	n.gives(t, answering(t, `"`+strings.Repeat("q", 200_000)+`"`, sandbox.HostAnswer{Result: []byte(`1`)}), `{"answer": 1}`)
	n.gives(t, answering(t, `{}`, sandbox.HostAnswer{}), `{"answer": null}`) // an answer of nothing

	for _, failure := range []sandbox.HostFailure{
		{Code: "capability_error", Reason: "http_429", Message: "slow down", Retryable: true},
		{Code: "capability_error", Message: "no reason \"at all\"", Retryable: false},
		{Code: "capability_denied", Reason: "calls", Message: strings.Repeat("long ", 5_000), Retryable: false},
	} {
		stop := n.fails(t, answering(t, `{}`, sandbox.HostAnswer{Failure: &failure}))
		if stop.Code != failure.Code && (stop.Code != failure.Reason || failure.Reason == "") {
			t.Errorf("the code is %q, want %q or %q", stop.Code, failure.Reason, failure.Code)
		}
		if !strings.Contains(stop.Message, failure.Message) || stop.Retryable != failure.Retryable {
			t.Errorf("got %.200s, retryable %v, want %.200s, %v", stop.Message, stop.Retryable, failure.Message, failure.Retryable)
		}
	}
	if stop := n.fails(t, ask("ask", `{"capability": "kv", "method": "get", "payload": {}}`)); stop.Code != "capability_denied" {
		t.Errorf("without a grant: got %+v", stop)
	}
}

func testLog(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	for _, lines := range []int{0, 3, 200} {
		var got []sandbox.LogRecord
		c := ask("log", fmt.Sprintf(`{"lines": %d}`, lines))
		c.Log = func(r sandbox.LogRecord) { got = append(got, r) }
		n.gives(t, c, fmt.Sprintf(`{"lines": %d}`, lines))
		if len(got) != lines {
			t.Errorf("%d lines: got %d records", lines, len(got))
		}
		for i, r := range got {
			if r.Level != "info" || r.Message != fmt.Sprintf("line %d", i) || !sameJSON(r.Attrs, fmt.Appendf(nil, `{"i": %d}`, i)) {
				t.Fatalf("record %d: got %s %q %s", i, r.Level, r.Message, r.Attrs)
			}
		}
	}
}

// What is no JSON is the node's error, not its end; and what no host would let
// through ends the attempt, at the least.
func testMalformed(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	for _, input := range []string{
		``, ` `, `{`, `{"customer": "a", "lines": [}`, `{"customer": "a" "lines": []}`, `nul`, `{} x`, `"`, `"\u12`, `[1,`, `-`, "\x00", `{"customer": "a", "lines": []`,
		`"` + strings.Repeat("x", 1<<20),
		`{"customer": "a", "lines": [` + strings.Repeat(`{"sku":"x","quantity":2,"cents":3},`, 30_000),
	} {
		if stop := n.fails(t, ask("total", input)); stop.Code != "bad_input" {
			t.Errorf("total %.40q: got %.200v, want code bad_input", input, stop)
		}
	}
	for _, input := range []string{
		strings.Repeat(`[`, 500),
		strings.Repeat(`[`, 100_000),
		`{"customer": "a", "lines": ` + strings.Repeat(`{"a":`, 100_000),
	} {
		if got := n.call(t, ask("total", input)); got.Stop == nil {
			t.Errorf("total %.20s: got %s", input, got.Output)
		}
		n.gives(t, ask("total", `{"customer": "alive", "lines": []}`), `{"customer": "ALIVE", "cents": 0, "lines": 0}`)
	}
}

// A limit ends the attempt for its reason, whatever the language makes of it, and
// the next attempt finds nothing of that.
func testLimits(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	small := n.gives(t, ask("echo", `1`), `1`)
	megabytes := `"` + strings.Repeat("x", 8<<20) + `"`
	for _, c := range []struct {
		name, entry, input string
		limits             sandbox.Limits
		want               sandbox.StopReason
	}{
		{"fuel", "total", order, sandbox.Limits{Fuel: 1000}, sandbox.FuelExhausted},
		{"memory", "echo", megabytes, sandbox.Limits{MemoryBytes: small.PeakMemoryBytes + 1<<20}, sandbox.MemoryExceeded},
		{"output", "echo", megabytes, sandbox.Limits{OutputBytes: 1 << 20}, sandbox.OutputTooLarge},
	} {
		bad := ask(c.entry, c.input)
		bad.Limits = c.limits
		if got := n.call(t, bad); got.Stop == nil || got.Stop.Reason != c.want {
			t.Errorf("%s: got %.100s, %+v, want %s", c.name, got.Output, got.Stop, c.want)
		}
		n.gives(t, ask("total", `{"customer": "alive", "lines": []}`), `{"customer": "ALIVE", "cents": 0, "lines": 0}`)
	}
	chatty := ask("log", `{"lines": 100}`)
	chatty.Limits.LogBytes = 100
	if got := n.gives(t, chatty, `{"lines": 100}`); !got.LogTruncated {
		t.Error("a log beyond its limit was not cut")
	}
	if _, err := n.program.Call(context.Background(), ask("absent", `{}`)); !errors.Is(err, sandbox.ErrNoEntry) {
		t.Errorf("an entry that is not there: %v", err)
	}
}

// The same call gives the same result, to the instruction, whatever the module
// did in between.
func testRepeatable(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	config := ask("total", order)
	config.Config = []byte(`{"factor": 3}`)
	calls := []sandbox.Call{
		ask("total", order), ask("echo", order), ask("feedback", `{}`), config, ask("total", `{`),
		ask("fail", `{"code": "a", "message": "b", "retryable": true}`), ask("log", `{"lines": 2}`),
	}
	first := make([]sandbox.Result, len(calls))
	for i, c := range calls {
		first[i] = n.call(t, c)
	}
	slices.Reverse(calls)
	slices.Reverse(first)
	for range 2 {
		for i, c := range calls {
			if next := n.call(t, c); !reflect.DeepEqual(next, first[i]) {
				t.Errorf("%s: got %s, %+v, then %s, %+v", c.Entry, first[i].Output, first[i], next.Output, next)
			}
		}
	}
}

// manifest is what the module's section says, else what the module answers.
func manifest(t *testing.T, p *sandbox.Program) *module.Manifest {
	t.Helper()
	m, err := p.Module().Manifest()
	if err != nil {
		t.Fatalf("the section: %v", err)
	}
	doc, stop, err := p.Describe(context.Background(), sandbox.Limits{Timeout: time.Hour})
	switch {
	case errors.Is(err, sandbox.ErrNoDescribe):
		if m == nil {
			t.Fatal("the module has neither a manifest nor " + module.ExportDescribe)
		}
		return m
	case err != nil || stop != nil:
		t.Fatalf("%s: %+v, %v", module.ExportDescribe, stop, err)
	}
	if m, err = module.ParseManifest(doc); err != nil {
		t.Fatalf("%s: %v in %s", module.ExportDescribe, err, doc)
	}
	return m
}

func violations(t *testing.T, s *schema.Schema, doc string) []hostfailure.Violation {
	t.Helper()
	d, err := document.Parse([]byte(doc), document.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(d)
}

func testManifest(t *testing.T, n *node) { //nolint:thelper // a test, whose lines are to be seen
	m := manifest(t, n.program)
	if m.Name != "conformance" {
		t.Errorf("the name is %q", m.Name)
	}
	if _, ok := m.Entries["total"]; !ok {
		t.Fatalf("the manifest names no entry total, but %q", slices.Sorted(maps.Keys(m.Entries)))
	}
	total := m.Entry("total")
	for what, c := range map[string]struct {
		source      json.RawMessage
		good, wrong []string
	}{
		"input": {
			total.Input, []string{
				order, `{"customer": "", "lines": []}`, `{"customer": "z", "lines": [{"sku": "é", "quantity": 2, "cents": -50}]}`,
			}, append(slices.Clone(wrongTypes),
				`{}`, `{"customer": "a"}`, `{"lines": []}`,
				`{"customer": "a", "lines": [{"sku": "a", "quantity": 1}]}`,
				`{"customer": "a", "lines": [{"sku": "a", "quantity": -1, "cents": 1}]}`),
		},
		"output": {
			total.Output,
			[]string{`{"customer": "", "cents": 0, "lines": 0}`, `{"customer": "A", "cents": -5, "lines": 1}`},
			[]string{`{}`, `null`, `{"customer": "A", "lines": 1}`, `{"customer": 1, "cents": 0, "lines": 0}`, `{"customer": "A", "cents": "0", "lines": 0}`, `{"customer": "A", "cents": 0, "lines": [1]}`},
		},
	} {
		s, err := schema.Compile(what, c.source, nil)
		if err != nil {
			t.Errorf("%s: %v in %s", what, err, c.source)
			continue
		}
		for _, doc := range c.good {
			if found := violations(t, s, doc); len(found) > 0 {
				t.Errorf("the %s schema refuses %s: %v", what, doc, found)
			}
		}
		for _, doc := range c.wrong {
			if len(violations(t, s, doc)) == 0 {
				t.Errorf("the %s schema accepts %s", what, doc)
			}
		}
	}
}
