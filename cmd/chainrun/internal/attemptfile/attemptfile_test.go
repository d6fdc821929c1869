package attemptfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/failure"
)

// full is a file with something everywhere, and with what could be taken for the places
// of documents.
func full() File {
	return File{
		Version: Version, Run: "r1", Step: `sub/score[2]#17`, Node: `sc"ore\`, Attempt: 3,
		Module: "nodes/a b.wasm", Digest: "sha256:00", Entry: place(0), Encoding: "text", Cache: true,
		Fuel: 1, Memory: 2, Timeout: "2s", Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Seed: strings.Repeat("0f", 32),
		Input: json.RawMessage("{ \"a\" :\t1.50,\n\"b\": \"<&\u2028>\" }"), Config: json.RawMessage(`-0.00000000000000000000000000000001`),
		Feedback:     []failure.Violation{{Pointer: "/a", Keyword: "type", Message: "<" + place(1), Found: `"\"`}},
		InputSchema:  &Schema{Schema: json.RawMessage(`{ "$ref" : "b.json" }`), Files: map[string]json.RawMessage{"b.json": json.RawMessage(" true"[1:]), "a.json": json.RawMessage(`{ }`)}},
		OutputSchema: &Schema{Schema: json.RawMessage(`true`)},
		Calls: []Call{
			{Capability: "fetch", Method: "request", Request: json.RawMessage(`{"url": 1}`), Answer: json.RawMessage("[1 ,2]"), Counted: true},
			{Capability: "kv", Method: "get", Failure: &failure.Failure{Code: failure.CapabilityDenied, Message: "no"}},
		},
		Failure: failure.Failure{Code: failure.Trap, Message: "unreachable"}, Output: json.RawMessage(`"x" `[:3]), FuelUsed: 7, FuelRule: 1,
	}
}

// What is written is read again, the documents byte for byte.
func TestRoundTrip(t *testing.T) {
	for name, f := range map[string]File{
		"full": full(),
		"bare": {Version: Version, Timeout: "1s", Failure: failure.Failure{Code: failure.Trap}},
	} {
		text, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if !reflect.DeepEqual(*got, f) {
			t.Errorf("%s: read\n%+v\nwritten\n%+v\n%s", name, *got, f, text)
		}
	}
	f := full()
	a, err := f.Given("n")
	if err != nil || len(a.Calls) != 2 || a.Calls[0].Usage.Calls != 1 || a.Calls[1].Usage.Calls != 0 || !a.Recorded || a.Seed[0] != 15 {
		t.Errorf("%+v %v", a, err)
	}
	src, err := f.Source("n", "x.wasm")
	if err != nil || src.Nodes[0].Timeout != 2*time.Second || src.Nodes[0].Config.Document.String() != string(f.Config) {
		t.Errorf("%+v %v", src, err)
	}
	read := f.Schemas(func(string) ([]byte, error) { return []byte("module"), nil })
	for name, want := range map[string]string{
		"input/schema.json": `{ "$ref" : "b.json" }`, "input/b.json": "true", "output/schema.json": "true", "x.wasm": "module",
		"input/c.json": "", "output/a.json": "",
	} {
		if text, err := read(name); string(text) != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

// Names are safe for shells and file systems, and no two attempts of a run have one.
func TestName(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		step    string
		attempt int
		want    string
	}{
		{"score", 1, "r.score.1.json"},
		{"sub/score[2.3]#17", 2, "r.sub+score@2.3=17.2.json"},
		{"score[2]", 3, "r.score@2.3.json"},
		{"score[2.3]", 1, "r.score@2.3.1.json"},
		{"score[2]", 31, "r.score@2.31.json"},
		{strings.Repeat("a", 400), 1, ""},
		{strings.Repeat("a", 401), 1, ""},
	} {
		name := File{Run: "r", Step: c.step, Attempt: c.attempt}.Name()
		if c.want != "" && name != c.want || len(name) > 255 || seen[name] || strings.ContainsAny(name, `/\#[]:*?"<>|`) {
			t.Errorf("attempt %d of %q: %s, want %s", c.attempt, c.step, name, c.want)
		}
		seen[name] = true
	}
}

// Files that are none are refused, in words.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "no attempt that was kept",
		`{}`:                           `expected {"chainrun_attempt": 1`,
		`{"chainrun_attempt": 2}`:      "version 2 of the format is unknown",
		`{"chainrun_attempt": 1}`:      `failure code "" is not known`,
		`{"chainrun_attempt":1,"x":1}`: `unknown field "x"`,
		`{"chainrun_attempt":1,"run":"a","run":"b"}`: "no attempt that was kept",
	} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	f := full()
	f.Input = json.RawMessage(`"` + strings.Repeat("x", MaxBytes) + `"`)
	if _, err := f.Encode(); err == nil {
		t.Error("a file that is too large was written")
	}
	for _, broken := range []File{{Timeout: "x", Seed: "00"}, {Timeout: "-1s", Seed: strings.Repeat("0", 63)}} {
		_, errA := broken.Source("n", "m")
		_, errB := broken.Given("n")
		if errA == nil || errB == nil {
			t.Errorf("%v %v", errA, errB)
		}
	}
}

// Whatever a file holds, it is read or refused; what was read can be used.
func FuzzDecode(f *testing.F) {
	kept := full()
	text, err := kept.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Decode(text)
		if err != nil {
			return
		}
		_, _ = got.Source("n", "m.wasm")
		_, _ = got.Given("n")
		_ = got.Name()
		if _, err := got.Encode(); err != nil {
			t.Errorf("%v of\n%s", err, text)
		}
	})
}
