package module_test

// ABIs, entries and manifests.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/runtime/module"
)

func TestABI(t *testing.T) {
	m := mustRead(t, command())
	if abi, err := m.ABI(); abi != module.ABICommand || err != nil {
		t.Errorf("%v, %v", abi, err)
	}
	if got := m.Entries(); !slices.Equal(got, []string{""}) {
		t.Errorf("entries %q", got)
	}
	// A command that still has the exports of its entries, as Go leaves them.
	leftover := mustRead(t, cat(header, types, vector(3, []byte{0}, []byte{2}), vector(5, []byte{0, 1}),
		vector(7, export("memory", 2, 0), export("_start", 0, 0), export("chainrun_run_v1:x", 0, 1)), vector(10, unreachable, unreachable)))
	if abi, err := leftover.ABI(); abi != module.ABICommand || err != nil {
		t.Errorf("%v, %v", abi, err)
	}
	if got := leftover.Entries(); !slices.Equal(got, []string{""}) {
		t.Errorf("entries %q", got)
	}
	m = mustRead(t, reactor())
	if abi, err := m.ABI(); abi != module.ABIReactor || err != nil {
		t.Errorf("%v, %v", abi, err)
	}
	if got := m.Entries(); !slices.Equal(got, []string{"", "alpha", "zeta"}) {
		t.Errorf("entries %q", got)
	}
	if got := mustRead(t, header).Entries(); got != nil {
		t.Errorf("entries %q", got)
	}
}

func TestABIRefuses(t *testing.T) {
	base := func(imports [][]byte, exports ...[]byte) []byte {
		var m []byte
		if imports != nil {
			m = vector(2, imports...)
		}
		n := byte(0)
		for _, i := range imports {
			if i[len(i)-2] == 0 && len(i) > 3 {
				n++
			}
		}
		for _, e := range exports { // function indices are given without imports
			if e[len(e)-2] == 0 {
				e[len(e)-1] += n
			}
		}
		return cat(header, types, m, vector(3, []byte{0}, []byte{1}, []byte{2}), vector(5, []byte{0, 1}),
			vector(7, exports...), vector(10, unreachable, unreachable, unreachable))
	}
	memory := func() []byte { return export("memory", 2, 0) }
	start := func() []byte { return export("_start", 0, 0) }
	alloc := func() []byte { return export("chainrun_alloc", 0, 1) }
	run := func() []byte { return export("chainrun_run_v1", 0, 2) }
	tests := []struct {
		name string
		wasm []byte
		want []string
	}{
		{"nothing", header, []string{"exports neither _start", "it exports nothing"}},
		{"unknown", base(nil, export("main", 0, 0), export("add", 0, 1)), []string{"exports neither", `"main", "add"`, "GOOS=wasip1"}},
		{"both", base(nil, memory(), start(), alloc(), run()), []string{"ambiguous"}},
		{"both, by a named entry", base(nil, memory(), start(), alloc(), export("chainrun_run_v1:x", 0, 2)), []string{"ambiguous"}},
		{"no memory", base(nil, start()), []string{`does not export its memory`}},
		{"memory is a function", base(nil, start(), export("memory", 0, 0)), []string{`"memory" as a function`}},
		{"start takes something", base(nil, memory(), export("_start", 0, 1)), []string{"_start as (i32) -> i32, expected ()"}},
		{"start is a memory", base(nil, memory(), export("_start", 2, 0)), []string{"_start as a memory"}},
		{"no alloc, wrong run", base(nil, memory(), export("chainrun_run_v1", 0, 1)), []string{
			"does not export the function chainrun_alloc", "chainrun_run_v1 as (i32) -> i32, expected (i32, i32) -> i64",
		}},
		{"wrong named entry", base(nil, memory(), alloc(), run(), export("chainrun_run_v1:x", 0, 0)), []string{"chainrun_run_v1:x as ()"}},
		{"wrong describe", base(nil, memory(), alloc(), run(), export("chainrun_describe_v1", 0, 1)), []string{"chainrun_describe_v1 as (i32) -> i32, expected () -> i64"}},
		{"describe is a memory", base(nil, memory(), alloc(), run(), export("chainrun_describe_v1", 2, 0)), []string{"chainrun_describe_v1 as a memory"}},
		{"wrong _initialize", base(nil, memory(), alloc(), run(), export("_initialize", 0, 1)), []string{"_initialize as"}},
		{
			"all imports",
			base([][]byte{
				function("env", "foo", 0), function(module.WASIModule, "fd_write", 0), function(module.WASIModule, "nope", 0),
				function(module.HostModule, "call", 4), function("gojs", "runtime.x", 0),
				cat(str("env"), str("m"), []byte{2, 0, 1}),
			}, memory(), start()),
			[]string{
				"env.foo", "wasi_snapshot_preview1.fd_write as () (it is (i32, i32, i32, i32) -> i32)", "wasi_snapshot_preview1.nope",
				"chainrun_v1.call", "gojs.runtime.x", "memory env.m", "GOOS=wasip1", "build it as a reactor", "offered are the functions of",
			},
		},
		{"WASI 0.2", base([][]byte{function("wasi:cli/stdout@0.2.0", "get-stdout", 0)}, memory(), start()), []string{"preview 2", "wasm32-wasip1"}},
		{"old WASI", base([][]byte{function("wasi_unstable", "fd_write", 3)}, memory(), start()), []string{"wasi_unstable.fd_write", "toolchain of 2020"}},
		{"wrong call", base([][]byte{function(module.HostModule, "call", 3)}, memory(), alloc(), run()), []string{"chainrun_v1.call as", "-> i64"}},
		{"Extism", base([][]byte{function("extism:host/env", "input_length", 0)}, export("greet", 0, 0)), []string{"Extism"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			abi, err := mustRead(t, test.wasm).ABI()
			var bad *module.UnsupportedError
			if !errors.As(err, &bad) {
				t.Fatalf("ABI %v, error %v", abi, err)
			}
			for _, want := range test.want {
				if !strings.Contains(bad.Error(), want) {
					t.Errorf("error %q lacks %q", bad, want)
				}
			}
			if bad.Hint == "" {
				t.Error("there is no hint")
			}
		})
	}
}

func TestWASIFunctions(t *testing.T) {
	if n := len(module.WASIFunctions); n != 46 {
		t.Errorf("%d functions", n)
	}
	tests := map[string]string{
		"fd_write": "(i32, i32, i32, i32) -> i32", "proc_exit": "(i32)", "sched_yield": "() -> i32",
		"path_open": "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32", "fd_seek": "(i32, i64, i32, i32) -> i32",
	}
	for name, want := range tests {
		if got := module.WASIFunctions[name].String(); got != want {
			t.Errorf("%s %s, want %s", name, got, want)
		}
	}
}

func TestManifest(t *testing.T) {
	if m, err := mustRead(t, command()).Manifest(); m != nil || err != nil {
		t.Errorf("%v, %v", m, err)
	}
	want := &module.Manifest{
		Name: "score", Version: "1.2.0", Description: "Scores films.",
		Input: json.RawMessage(`{"type":"object"}`), Config: json.RawMessage(`true`), Capabilities: []string{"fetch"},
		Limits: module.ManifestLimits{Fuel: 1000, MemoryBytes: 1 << 20, Timeout: 1500 * time.Millisecond},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := module.WithManifest(command(custom("x", 1)), text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustRead(t, wasm).Manifest()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	// Setting it again replaces it, and nothing else changes.
	again, err := module.WithManifest(wasm, text)
	if err != nil || !bytes.Equal(again, wasm) {
		t.Errorf("writing it twice changes the file: %v", err)
	}
	other, err := module.WithManifest(wasm, []byte(`{"name":"y","output":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = mustRead(t, other).Manifest(); err != nil || got.Name != "y" || got.Output != nil || got.Input != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if !bytes.Contains(other, custom("x", 1)) || !bytes.HasPrefix(other, command()) {
		t.Error("another section was changed")
	}
}

func TestManifestRefuses(t *testing.T) {
	tests := map[string]string{
		"no JSON":                      `{"name":`,
		"empty":                        ``,
		"null":                         `null`,
		"array":                        `[]`,
		"wrong type":                   `{"name":3}`,
		"negative fuel":                `{"limits":{"fuel":-1}}`,
		"timeout":                      `{"limits":{"timeout":"soon"}}`,
		"negative timeout":             `{"limits":{"timeout":"-1s"}}`,
		"too large":                    fmt.Sprintf(`{"name":%q}`, strings.Repeat("x", module.MaxManifestBytes)),
		"a key twice":                  `{"name":"a","input":{"type":"object","type":"array"}}`,
		"a key twice, spelt otherwise": `{"name":"a","n\u0061me":"b"}`,
		"a second value":               `{} {}`,
		"no UTF-8":                     "{\"name\":\"\xff\"}",
		"a schema":                     `{"input":5}`,
		"an entry's schema":            `{"entries":{"a":{"output":"string"}}}`,
		"an entry":                     `{"entries":{"a":true}}`,
		"no entry's name":              `{"entries":{"":{}}}`,
		"entries":                      `{"entries":[{}]}`,
		"too many entries":             `{"entries":{` + strings.Repeat(`"%[1]d":{},`, 256) + `"last":{}}}`,
		"too many capabilities":        `{"capabilities":[` + strings.Repeat(`"a",`, 256) + `"a"]}`,
		"a capability":                 `{"capabilities":["llm",{}]}`,
		"deep":                         `{"later":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `}`,
		"too deep":                     `{"input":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	}
	for name, text := range tests {
		for n := 0; strings.Contains(text, "%[1]d"); n++ {
			text = strings.Replace(text, "%[1]d", strconv.Itoa(n), 1)
		}
		t.Run(name, func(t *testing.T) {
			var bad *module.FormatError
			if _, err := mustRead(t, command(custom(module.ManifestSection, []byte(text)...))).Manifest(); !errors.As(err, &bad) {
				t.Errorf("reading: %v", err)
			}
			if _, err := module.WithManifest(command(), []byte(text)); err == nil {
				t.Error("writing: no error")
			}
		})
	}
	twice := custom(module.ManifestSection, []byte(`{}`)...)
	if _, err := mustRead(t, command(twice, twice)).Manifest(); err == nil {
		t.Error("two manifests are read")
	}
	// What a later version adds, and what is spelt otherwise, is no field of this one.
	later := `{"name":"a","Name":5,"later":{"x":1},"author":null,"entries":{"e":{"later":[],"Input":5,"config":null}}}`
	if m, err := mustRead(t, command(custom(module.ManifestSection, []byte(later)...))).Manifest(); err != nil || m.Name != "a" || m.Entries["e"].Config != nil {
		t.Errorf("unknown fields: %v, %v", m, err)
	}
	if _, err := module.WithManifest([]byte("x"), []byte(`{}`)); err == nil {
		t.Error("a manifest is written into a file that is no module")
	}
}

func TestManifestEntry(t *testing.T) {
	m, err := module.ParseManifest([]byte(`{"description":"d","input":{"a":1},"output":{"b":1},"config":{"c":1},
		"entries":{"own":{"description":"o","input":{"x":1},"config":false},"bare":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	whole := module.ManifestEntry{
		Description: "d", Input: json.RawMessage(`{"a":1}`), Output: json.RawMessage(`{"b":1}`), Config: json.RawMessage(`{"c":1}`),
	}
	for name, want := range map[string]module.ManifestEntry{
		"":      whole,
		"other": whole,
		"own":   {Description: "o", Input: json.RawMessage(`{"x":1}`), Config: json.RawMessage(`false`)},
		"bare":  {Config: json.RawMessage(`{"c":1}`)},
	} {
		if got := m.Entry(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	if got := (*module.Manifest)(nil).Entry("a"); !reflect.DeepEqual(got, module.ManifestEntry{}) {
		t.Errorf("of no manifest: %s", got)
	}
}

// What a manifest says comes back from a file as it went in, whatever the file holds.
func TestManifestRoundTrip(t *testing.T) {
	text := rapid.StringOfN(rapid.Rune(), 0, 20, -1).Filter(utf8.ValidString)
	schema := rapid.Custom(func(t *rapid.T) json.RawMessage {
		b, err := json.Marshal(map[string]any{"title": text.Draw(t, "title"), "type": rapid.SampledFrom([]any{"object", []string{"null", "string"}}).Draw(t, "type")})
		if err != nil {
			t.Fatal(err)
		}
		return rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`true`), b}).Draw(t, "schema")
	})
	entry := rapid.Custom(func(t *rapid.T) module.ManifestEntry {
		return module.ManifestEntry{Description: text.Draw(t, "description"), Input: schema.Draw(t, "input"), Output: schema.Draw(t, "output"), Config: schema.Draw(t, "config")}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := &module.Manifest{
			Name: text.Draw(t, "name"), Version: text.Draw(t, "version"), Description: text.Draw(t, "description"),
			Author: text.Draw(t, "author"), License: text.Draw(t, "license"), Homepage: text.Draw(t, "homepage"),
			Input: schema.Draw(t, "input"), Output: schema.Draw(t, "output"), Config: schema.Draw(t, "config"),
			Entries:      rapid.MapOfN(text.Filter(func(s string) bool { return s != "" }), entry, -1, 4).Draw(t, "entries"),
			Capabilities: rapid.SliceOfN(text, -1, 4).Draw(t, "capabilities"),
			Limits: module.ManifestLimits{
				Fuel: rapid.Uint64().Draw(t, "fuel"), MemoryBytes: rapid.Uint64().Draw(t, "memory"),
				Timeout: time.Duration(rapid.Int64Min(0).Draw(t, "timeout")),
			},
		}
		if len(want.Entries) == 0 {
			want.Entries = nil
		}
		if len(want.Capabilities) == 0 {
			want.Capabilities = nil
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		wasm, err := module.WithManifest(rapid.SampledFrom([][]byte{header, command(), reactor(), command(custom(module.ManifestSection, '{', '}'))}).Draw(t, "file"), b)
		if err != nil {
			t.Fatal(err)
		}
		m, err := module.Read(wasm)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Manifest(); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n got %+v\nwant %+v", err, got, want)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"entries":{"a":{"input":true,"description":"\ud800"}},"capabilities":["llm"],"license":"MIT"}`))
	f.Add([]byte(`{"name":"a","limits":{"fuel":1,"timeout":"2s"},"input":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		wasm, err := module.WithManifest(header, text)
		if err != nil {
			return
		}
		m, err := mustRead(t, wasm).Manifest()
		if err != nil {
			t.Fatal(err)
		}
		for name := range m.Entries {
			_ = m.Entry(name)
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := module.ParseManifest(written)
		if err != nil {
			t.Fatalf("%v, of what was read before and written as %s", err, written)
		}
		if rewritten, err := json.Marshal(again); err != nil || !bytes.Equal(rewritten, written) {
			t.Fatalf("%v: %s, then %s", err, written, rewritten)
		}
	})
}
