package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

// docs/manifest.md shows a manifest without fault, lists every key, and says of a
// wrong one what validate says.
func TestManifestDoc(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := blocks(string(page), "json")
	if len(shown) != 1 {
		t.Fatalf("%d manifests", len(shown))
	}
	if found := (&manifestCheck{file: "manifest.json", text: []byte(shown[0]), lined: true}).run(); len(found) > 0 {
		t.Error(found)
	}
	m, err := module.ParseManifest([]byte(shown[0]))
	if err != nil || m.Limits.Timeout == 0 || m.Entry("lines").Config == nil {
		t.Errorf("%+v, %v", m, err)
	}

	var rules struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(module.ManifestSchema, &rules); err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, row[1])
	}
	if want := manifestKeys[1:]; !slices.Equal(listed, want) {
		t.Errorf("the page lists %q, there are %q", listed, want)
	}
	if keys := sortedNames(rules.Properties); !slices.Equal(keys, slices.Sorted(slices.Values(manifestKeys))) {
		t.Errorf("the schema has %q, manifests are written with %q", keys, manifestKeys)
	}

	t.Chdir(t.TempDir())
	if err := os.WriteFile("manifest.json", []byte(blocks(string(page), "json wrong")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := inProcess(t, "node", "manifest", "validate", "manifest.json")
	if want := blocks(string(page), "text complaints")[0]; code != exitInvalid || out != "" || errs != want {
		t.Errorf("exit %d: %s\nsays\n%s\nthe page says\n%s", code, out, errs, want)
	}
}

func TestValuePlaces(t *testing.T) {
	text := "{\"a\": 1,\n \"b/~\": [true, {\"c\" :[]}, \"x\"], \"b\": {\"a\": null}, \"é\": {}}"
	places := valuePlaces([]byte(text))
	for pointer, want := range map[string]string{
		"": text, "/a": `"a": 1`, "/b~1~0": `"b/~"`, "/b~1~0/0": `true`, "/b~1~0/1": `{"c"`, "/b~1~0/1/c": `"c" :`, "/b~1~0/2": `"x"`, "/b": `"b": {`, "/b/a": `"a": null`, "/é": `"é"`,
	} {
		at, ok := places[pointer]
		if !ok || !strings.HasPrefix(text[at:], want) {
			t.Errorf("%s: at %d, %v", pointer, at, ok)
		}
	}
	if len(places) != 10 {
		t.Errorf("%v", places)
	}

	// What a stranger can make of a megabyte: pointers that are longer than it.
	key := strings.Repeat("k", 1000)
	deep := strings.Repeat(`{"`+key+`":`, 400) + "[" + strings.Repeat("0,", 250_000) + "0]" + strings.Repeat("}", 400)
	size := 0
	for pointer := range valuePlaces([]byte(deep)) {
		size += len(pointer)
	}
	if size > len(deep) {
		t.Errorf("%d bytes of pointers", size)
	}
	wrong := `{"capabilities":[` + strings.Repeat(`"",`, 100_000) + `""]}`
	if found := (&manifestCheck{file: "m", text: []byte(wrong), lined: true}).run(); !found.Failed() || len(found) > maxComplaints {
		t.Errorf("%d complaints", len(found))
	}
}

func TestLaidOver(t *testing.T) {
	for _, c := range []struct{ said, over, want string }{
		{``, ``, `{}`},
		{`{"name":"a","x":1}`, ``, `{"name":"a","x":1}`},
		{``, ` { "limits" : {"fuel" : 1.0} , "name":"<b>" } `, `{"name":"<b>","limits":{"fuel":1.0}}`},
		{`{"name":"a","version":"1"}`, `{"version":"2","author":"c"}`, `{"name":"a","version":"2","author":"c"}`},
		{`{"name":"a","input":{"type":"object","required":["x"]}}`, `{"input":{"type":"string"},"name":null}`, `{"input":{"type":"string"}}`},
		{
			`{"entries":{"b":{"input":{"a":1},"output":{"b":2}},"a":{"input":true}},"limits":{"fuel":1,"timeout":"1s"}}`,
			`{"entries":{"b":{"description":"d","input":{"c":3},"output":null},"c":{}},"limits":{"fuel":2,"memory_bytes":3}}`,
			`{"entries":{"a":{"input":true},"b":{"description":"d","input":{"c":3}},"c":{}},"limits":{"fuel":2,"memory_bytes":3,"timeout":"1s"}}`,
		},
		{`{"entries":{"a":{}}}`, `{"entries":5}`, `{"entries":5}`},
	} {
		text := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		got, err := laidOver(text(c.said), text(c.over))
		if err != nil || string(got) != c.want {
			t.Errorf("%s over %s: %v\n got %s\nwant %s", c.over, c.said, err, got, c.want)
		}
	}
	for _, bad := range []string{`[]`, `{`, `null`, ` `} {
		if got, err := laidOver([]byte(`{}`), []byte(bad)); err == nil {
			t.Errorf("%q: %s", bad, got)
		}
	}
}

// A file is replaced whole, keeps its permissions, and a link still leads to it.
func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(file, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	if err := replaceFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "new" {
		t.Errorf("%s, %v", b, err)
	}
	if to, err := os.Readlink(link); err != nil || to != file {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	if s, err := os.Stat(file); err != nil || s.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", s.Mode(), err)
	}
	if err := replaceFile(dir, nil); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a folder: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
