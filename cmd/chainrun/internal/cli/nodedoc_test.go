package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// inProcess runs chainrun in this process and gives what it prints.
func inProcess(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(Streams{In: strings.NewReader(""), Out: &o, Err: &e}, "", args)
	return o.String(), e.String(), code
}

func savedModule(t *testing.T, name string, wasm []byte, manifest string) string {
	t.Helper()
	if manifest != "" {
		var err error
		if wasm, err = module.WithManifest(wasm, []byte(manifest)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const shopManifest = `{
	"name": "shop", "version": "2.0.0", "description": "Sells things.\n\n# Not a title", "author": "Ada", "license": "MIT",
	"homepage": "https://example.com/shop",
	"input": {"type": "object", "required": ["customer", "lines", "at"], "properties": {
		"customer": {"type": "string", "minLength": 1, "description": "Who | buys"},
		"lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/line"}},
		"at": {"type": "string", "format": "date-time"},
		"note": {"type": ["string", "null"], "default": "none"},
		"parent": {"anyOf": [{"$ref": "#/$defs/line"}, {"type": "null"}]},
		"extra": {"type": "object", "additionalProperties": {"type": "boolean"}}
	}, "$defs": {"line": {"type": "object", "title": "A line.", "required": ["sku"], "properties": {
		"sku": {"enum": ["a|b", "c"]}, "n": {"type": "integer", "minimum": 0, "exclusiveMaximum": 100}, "parts": {"type": "array", "items": {"$ref": "#/$defs/line"}}}}}},
	"config": {"type": "object", "required": ["rate"], "properties": {"rate": {"type": "number", "minimum": 0.5}, "on": {"type": "boolean"}}},
	"capabilities": ["fetch", "kv.get", "kv.set"],
	"limits": {"fuel": 1000000, "memory_bytes": 33554432, "timeout": "1.5s"}}`

func TestNodeDoc(t *testing.T) {
	file := savedModule(t, "my shop.wasm", moduletest.Echo(), shopManifest)
	out, errs, code := inProcess(t, "node", "doc", file)
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"# shop 2.0.0\n\nSells things.\n\n\\# Not a title\n",
		"- Licence: MIT\n",
		"| `customer` | string length ≥ 1 | yes | Who \\| buys |\n",
		"| `lines` | array at least 1 | yes |  |\n",
		"| `lines[]` | object |  | A line. |\n",
		"| `lines[].sku` | `\"a\\|b\"`, `\"c\"` | yes |  |\n",
		"| `lines[].n` | integer ≥ 0 \\< 100 |  |  |\n",
		"| `lines[].parts[]` | as line above |  |  |\n",
		"| `at` | string `date-time` | yes |  |\n",
		"| `note` | string or null |  | Default `\"none\"`. |\n",
		"| `parent` | object or null |  | A line. |\n",
		"| `extra.*` | boolean |  |  |\n",
		"| `rate` | number ≥ 0.5 | yes |  |\n",
		"- `kv.get`\n",
		"The author suggests 1,000,000 fuel, 33,554,432 bytes of memory, 1.5s.\n",
		"[nodes.my_shop]\nmodule = \"my shop.wasm\"\nconfig = { rate = 0.5 }\n\n[nodes.my_shop.grants.fetch]\nhosts = [\"api.example.com\"]\n\n[nodes.my_shop.grants.kv]\n```\n",
		`--input '{"customer":"…","lines":[{"sku":"a|b"}],"at":"2024-02-29T12:00:00Z"}'`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	checkSnippet(t, file, out)
	if j, _, code := inProcess(t, "node", "doc", file, "--json"); code != exitDone || !strings.Contains(j, `"markdown": "# shop 2.0.0\n`) {
		t.Errorf("--json: exit %d, %.200s", code, j)
	}
}

// checkSnippet holds the page's graph against chainrun itself.
func checkSnippet(t *testing.T, file, page string) {
	t.Helper()
	found := blocks(page, "toml")
	if len(found) != 1 {
		t.Fatalf("%d graphs in the page", len(found))
	}
	g := filepath.Join(filepath.Dir(file), "graph.toml")
	if err := os.WriteFile(g, []byte(found[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := inProcess(t, "check", g); code != exitDone {
		t.Errorf("the graph is refused: %s%s\n%s", out, errs, found[0])
	}
}

func TestNodeDocOfEntries(t *testing.T) {
	file := savedModule(t, "two.wasm", moduletest.Entries("total", "parse"), `{
		"config": {"required": ["rate"], "properties": {"rate": {"type": "integer", "minimum": 3}}},
		"entries": {"total": {"description": "Adds.", "output": {"type": "string"}}, "parse": {"description": "Reads.", "input": {"type": "string"}, "config": false}}}`)
	out, errs, code := inProcess(t, "node", "doc", file)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"# two\n", "### `parse`\n\nReads.\n\n#### Input\n\n| field | type | required | |\n|---|---|---|---|\n| the document | string | yes |  |\n",
		"### `total`\n\nAdds.\n\n#### Input\n\nAny document.\n", "The config is that of the whole module.", "## Config\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q in\n%s", want, out)
		}
	}
	file = savedModule(t, "bare.wasm", moduletest.Entries("only"), "")
	out, errs, code = inProcess(t, "node", "doc", file)
	if code != exitDone || !strings.Contains(out, "has no manifest") || !strings.Contains(out, `entry = "only"`) {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
	checkSnippet(t, file, out)
	if out, errs, code = inProcess(t, "node", "doc", "std:jq"); code == exitDone { // else it was built without them
		if !strings.HasPrefix(out, "# std:jq\n") || strings.Contains(out, "## Entries") || !strings.Contains(out, "module = \"std:jq\"\n") {
			t.Errorf("exit %d: %s\n%s", code, errs, out)
		}
		checkSnippet(t, file, out)
	}
	file = savedModule(t, "no.wasm", []byte("\x00asm\x0d\x00\x01\x00"), "")
	if _, errs, code := inProcess(t, "node", "doc", file); code != exitInvalid || !strings.Contains(errs, "this is a component") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// Every kind of file is told, with what it wants and why it will not run.
func TestInspectKinds(t *testing.T) {
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	echo := moduletest.Echo()
	section := func(id byte, content string) string { return string([]byte{id, byte(len(content))}) + content }
	const head = "\x00asm\x01\x00\x00\x00"
	imported := head + section(1, "\x01\x60\x00\x00") + section(2, "\x01\x03env\x05spawn\x00\x00")
	extism := func(function string) string { // asks for one function, and has one entry
		return head + section(1, "\x02\x60\x00\x01\x7f\x60\x00\x01\x7e") +
			section(2, "\x01\x0fextism:host/env"+string([]byte{byte(len(function))})+function+"\x00\x01") +
			section(3, "\x01\x00") + section(7, "\x01\x05greet\x00\x01") + section(10, "\x01\x04\x00\x41\x00\x0b")
	}
	for name, c := range map[string]struct {
		wasm string
		runs bool
		want []string // in --json
	}{
		"a reactor with a manifest": {string(with(echo, []byte(shopManifest))), true, []string{
			`"kind": "module"`, `"abi": "reactor"`, `"name": "shop"`, `"capabilities": [`, `"kv.get"`, `"memory_bytes": 19660800`, `"describes_itself": false`, `"format": "date-time"`,
		}},
		"entries":       {string(with(moduletest.Entries("a"), []byte(`{"entries":{"a":{"input":{"title":"T"}}}}`))), true, []string{`"name": "a"`, `"title": "T"`}},
		"a cut file":    {string(echo[:len(echo)-5]), false, []string{`"kind": "module"`, `bytes are announced`, `"memory"`}},
		"threads":       {imported + section(5, "\x01\x03\x01\x01"), false, []string{`"env.spawn"`, `shared memory`, `-pthread`}},
		"no entry":      {imported, false, []string{`"env.spawn"`, `exports neither _start`, `"import_modules": [`, `"env"`}},
		"a component":   {"\x00asm\x0d\x00\x01\x00" + section(1, head) + section(10, "\x01\x00\x0dwasi:cli/exit\x05\x00"), false, []string{`"kind": "component"`, `"wasi:cli/exit"`, `"core_modules": 1`, `wasm32-wasip1`}},
		"text":          {"(module)", false, []string{`"kind": "text"`, `wat2wasm`}},
		"another file":  {"I am no module.", false, []string{`"kind": "other"`, `this is no WebAssembly module`}},
		"an empty file": {"", false, []string{`the file is empty`}},
		"a bad body": {strings.Replace(string(moduletest.Spin()), "\x03\x40\x0c\x00\x0b", "\x03\x40\x0c\x07\x0b", 1), false, []string{
			`"abi": "reactor"`, `"problem": "`,
		}},
		"an Extism plug-in":                 {extism("input_length"), true, []string{`"abi": "extism"`, `"name": "greet"`, `"extism:host/env"`}},
		"an Extism plug-in that wants more": {extism("teleport"), false, []string{`"abi": "extism"`, `"name": "greet"`, `imports what nobody offers: extism:host/env.teleport`}},
		"a manifest that is none":           {string(echo) + section(0, "\x11chainrun:manifest[]"), false, []string{`"abi": "reactor"`, `the manifest is no JSON object`}},
	} {
		t.Run(name, func(t *testing.T) {
			file := savedModule(t, "x.wasm", []byte(c.wasm), "")
			out, errs, code := inProcess(t, "node", "inspect", file, "--json")
			if (code == exitDone) != c.runs || code != exitDone && code != exitInvalid {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("lacks %s in\n%s", want, out)
				}
			}
			out, _, _ = inProcess(t, "node", "inspect", file)
			if strings.Contains(out, "\nruns       yes\n") != c.runs || strings.Contains(out, "\nruns       no: ") == c.runs {
				t.Errorf("says\n%s", out)
			}
		})
	}
}

// hostile are texts that a stranger would put into a manifest.
var hostile = []string{
	"\x1b[31mred\x1b]0;title\x07", "\u009b31m", "a\u202eb\u2066c", "line\nline\r\n# title\n```\n<script>alert(1)</script>", "| a | b |",
	"`code` ``` `` `", "![x](https://evil.example/x.png)", "[click](javascript:alert(1))", "<!-- ", "&lt;b&gt;", "1. one", "- x", "--- ", "=== ", "\\", "'; rm -rf / #",
	"\u2028\u2029", "http://evil.example", "$x$", "~~~", "    indented", "\t\t", "",
}

// What a stranger wrote is text: it steers no terminal, opens no block, link or
// element, and adds no line to a table.
func TestHostileManifest(t *testing.T) {
	for _, text := range hostile {
		said, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		key, err := json.Marshal(text + "k")
		if err != nil {
			t.Fatal(err)
		}
		schema := strings.NewReplacer("T", string(said), "K", string(key)).Replace(
			`{"title":T,"description":T,"default":T,"properties":{K:{"description":T,"enum":[T],"pattern":T,"const":T},"x":{"type":T,"$ref":T}},"required":[K]}`)
		file := savedModule(t, "n.wasm", moduletest.Entries("e"), strings.NewReplacer("T", string(said), "S", schema).Replace(
			`{"name":T,"version":T,"description":T,"author":T,"license":T,"homepage":T,"input":S,"config":S,"capabilities":[T],"entries":{"e":{"description":T,"input":S,"output":S}}}`))
		for _, args := range [][]string{
			{"node", "doc", file},
			{"node", "doc", file, "--json"},
			{"node", "inspect", file},
			{"node", "inspect", file, "--json"},
			{"node", "manifest", "show", file},
			{"node", "manifest", "validate", file},
			{"node", "manifest", "validate", file, "--json"},
		} {
			out, errs, _ := inProcess(t, args...)
			if strings.Contains(errs, "bug") {
				t.Errorf("%q: %v: %s", text, args[:3], errs)
			}
			for _, r := range out + errs {
				if r != '\n' && r != '\t' && steers(r) {
					t.Errorf("%q: %v prints %U", text, args[:3], r)
				}
			}
			if args[1] == "doc" && len(args) == 3 {
				checkPage(t, text, out)
			}
			if args[len(args)-1] == "--json" && !json.Valid([]byte(out)) {
				t.Errorf("%q: %v prints no JSON", text, args[:3])
			}
		}
	}
}

// meaning is a character that means something to Markdown and is not escaped.
var meaning = regexp.MustCompile(`(^|[^\\])(\\\\)*[\[<*~!$]`)

// withoutCode takes the code spans out of a line.
func withoutCode(line string) string {
	ticks := regexp.MustCompile("`+")
	out := ""
	for {
		begin := ticks.FindStringIndex(line)
		if begin == nil {
			return out + line
		}
		if begin[0] > 0 && line[begin[0]-1] == '\\' {
			out, line = out+line[:begin[0]+1], line[begin[0]+1:]
			continue
		}
		fence, rest := line[begin[0]:begin[1]], line[begin[1]:]
		at := 0
		for _, end := range ticks.FindAllStringIndex(rest, -1) {
			if rest[end[0]:end[1]] == fence {
				at = end[1]
				break
			}
		}
		out, line = out+line[:begin[0]], rest[at:]
		if at == 0 {
			out += fence
		}
	}
}

// checkPage looks for what a text could have opened.
func checkPage(t *testing.T, text, page string) {
	t.Helper()
	fenced := false
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "```") {
			if fenced = !fenced; fenced && line != "```toml" && line != "```sh" {
				t.Errorf("%q opens the block %q", text, line)
			}
			continue
		}
		if fenced {
			continue
		}
		if prose := withoutCode(line); meaning.MatchString(prose) {
			t.Errorf("%q: something is live in %q", text, line)
		}
		if strings.HasPrefix(line, "|") && strings.Count(line, "|")-strings.Count(line, `\|`) != 5 {
			t.Errorf("%q: a row with other columns: %q", text, line)
		}
		for _, prefix := range []string{"    ", "---", "===", "~~~", "+ "} {
			if strings.HasPrefix(line, prefix) {
				t.Errorf("%q begins a block: %q", text, line)
			}
		}
	}
	if fenced {
		t.Errorf("%q leaves a block open", text)
	}
}

// Any file is looked at, whatever it holds, and any manifest is checked and made a
// page of.
func FuzzInspect(f *testing.F) {
	echo := moduletest.Echo()
	f.Add(echo, []byte(shopManifest))
	f.Add(echo[:len(echo)/2], []byte(`{"entries":{"a":{"input":{"$ref":"#"}}}}`))
	f.Add(moduletest.Entries("a", "b"), []byte(`{"input":{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}}}}`))
	f.Add([]byte("\x00asm\x0d\x00\x01\x00\x0a\x06\x01\x00\x01a\x05\x00"), []byte(`{"input":{"type":"array","minItems":9,"items":{"type":"array","minItems":9,"items":{}}}}`))
	f.Add([]byte("(module)"), []byte(`{"name":5,"capabilities":[".","node",5],"limits":{"timeout":"x"}}`))
	f.Fuzz(func(t *testing.T, wasm, manifest []byte) {
		for _, file := range [][]byte{wasm, with(wasm, manifest), with(echo, manifest)} {
			i, m := readFacts(file)
			if (m == nil) != (i.Problem != "") {
				t.Fatalf("a problem %q, and a module: %v", i.Problem, m != nil)
			}
			var out strings.Builder
			i.print(&out, "x.wasm")
			if m == nil {
				continue
			}
			p := nodePage{file: "x.wasm", facts: i, manifest: i.Manifest}
			if p.manifest == nil {
				p.manifest = &module.Manifest{}
			}
			page := p.write()
			if !utf8.ValidString(page) || strings.ContainsFunc(strings.ReplaceAll(page, "\n", ""), steers) {
				t.Fatalf("the page %q", page)
			}
		}
		found := (&manifestCheck{file: "m.json", text: manifest, lined: true}).run()
		if _, err := module.ParseManifest(manifest); err != nil && !found.Failed() {
			t.Fatalf("a reader says %v, and the check nothing", err)
		}
		for _, d := range found {
			if d.File == "" || d.Line < 1 || d.Column < 1 || d.Severity != graph.Error && d.Severity != graph.Warning {
				t.Fatalf("%+v", d)
			}
		}
	})
}

func with(wasm, manifest []byte) []byte {
	if file, err := module.WithManifest(wasm, manifest); err == nil {
		return file
	}
	return wasm
}
