package graphfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/graph"
)

// order compares the order of keys with MetaData.Keys: of two keys of one table
// the one that the parser met first comes first.
func order(meta toml.MetaData, root *place) error {
	seen := map[*place][]string{}
	for _, key := range meta.Keys() {
		p := root
		for _, part := range key {
			if p == nil || len(p.items) > 0 {
				break // inside an array: which element is not told
			}
			if p.children[part] == nil {
				return fmt.Errorf("%v: not found", key)
			}
			if !slices.Contains(seen[p], part) {
				seen[p] = append(seen[p], part)
			}
			p = p.children[part]
		}
	}
	for p, names := range seen {
		if !slices.Equal(names, p.names) {
			return fmt.Errorf("keys %q, the parser says %q", p.names, names)
		}
	}
	return nil
}

func check(t *testing.T, text string) {
	t.Helper()
	values, layout, err := decode(text)
	if err != nil {
		return
	}
	if bad := disagreement(values, layout); bad != nil && !strings.Contains(text, `""`) && !strings.Contains(text, "''") {
		t.Errorf("disagreement at %v in:\n%s", bad.value, text)
	}
	var again map[string]any
	meta, err := toml.Decode(text, &again)
	if err != nil {
		t.Fatal(err)
	}
	if err := order(meta, layout); err != nil {
		t.Errorf("%v in:\n%s", err, text)
	}
}

var layouts = []string{
	"", "\ufeffa = 1", "a = 1", "a=1#c\nb=2\r\n", "a.b.c = 1\na.b.d = 2\n[a.e]\nx = 1\n[f.g]\n[f]\ny = 2",
	`"a b"."c" = 'x'` + "\n'q' . r = 2", "[[x]]\na = 1\n[[x]]\na = 2\n[x.y]\nz = 3\n[[x.w]]\n[[x.w]]",
	"a = [1, 2, [3, 4,], {b = 1}, # c\n\n 'x']", "a = { b = 1, c.d = [ { } , {} ], }", "a = {\n b = 1, # c\n}",
	`a = """x"""`, "a = \"\"\"\nx\n  y\\\n   z \"\" \"\"\"\"", "a = '''\r\nx''''", "a = '''x'''''", `a = """"""`,
	`a = "\u00e9\t\"\\ \x41 \e"`, "a = \"\"\"a \\  \n\n  b\"\"\"", "a = 1979-05-27 07:32:00\nb = 07:32:00", "a = -inf\nb = +1_0.5e+3 # x",
	"[ a . 'b' ]\n[[ c ]]", "[a]\n[a.b]\n[a.b.c]\nd = {e = {f = 1}}", "a = [[[]], []]", "x = [{a = 1}, {a = 2}]\n[y]\nz.a = 1",
}

func TestLayout(t *testing.T) {
	for _, text := range layouts {
		check(t, text)
		if _, _, err := decode(text); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
	}
}

// TestLayoutOfGraphs goes over the graph files of the golden tests.
func TestLayoutOfGraphs(t *testing.T) {
	archives, _ := filepath.Glob("testdata/diagnostics/*.txtar")
	n := 0
	for _, name := range archives {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range txtar.Parse(b).Files {
			check(t, string(f.Data))
			n++
		}
	}
	if n == 0 {
		t.Fatal("no files")
	}
}

// TestDisagreement: the parser loses the false, because of the empty key.
func TestDisagreement(t *testing.T) {
	src, found := Parse("g.toml", []byte(`a = [false, {"" = false}]`))
	if src != nil || len(found) != 1 || found[0].Code != graph.CodeSyntax || found[0].Column != 5 {
		t.Error(found)
	}
}

// TestTwice: the parser lets a table of dotted keys be written over.
func TestTwice(t *testing.T) {
	src, found := Parse("g.toml", []byte("a.b = 1\n  a = 0"))
	if src != nil || len(found) != 1 || found[0].Code != graph.CodeSyntax || found[0].Line != 2 || found[0].Column != 3 {
		t.Error(found)
	}
}

func TestPositions(t *testing.T) {
	_, layout, err := decode("a = 1\n[t.\"u v\"]\n  key = { x = 'é', y = [1,\n 22] }\n[[l]]\n[[l]]\nz = \"\"\"\n\\u00e9\nab\"\"\"\n")
	if err != nil {
		t.Fatal(err)
	}
	u := layout.child("t").child("u v")
	last := layout.child("l").item(1)
	for _, c := range []struct {
		name string
		got  spot
		want spot
	}{
		{"a", layout.child("a").value, spot{1, 5}},
		{"t", layout.child("t").key, spot{2, 2}},
		{"u v", u.key, spot{2, 4}},
		{"key", u.child("key").key, spot{3, 3}},
		{"key's value", u.child("key").value, spot{3, 9}},
		{"x", u.child("key").child("x").value, spot{3, 15}},
		{"y", u.child("key").child("y").key, spot{3, 21}},
		{"22", u.child("key").child("y").item(1).value, spot{4, 2}},
		{"the second l", last.key, spot{6, 3}},
		{"z", last.child("z").value, spot{7, 5}},
	} {
		if c.got != c.want {
			t.Errorf("%s is at %v, want %v", c.name, c.got, c.want)
		}
	}
	z := last.child("z")
	e := graph.Expression{Text: z.text, Segments: z.segments}
	for _, c := range []struct{ line, column, wantLine, wantColumn int }{{1, 1, 8, 1}, {1, 2, 8, 7}, {2, 2, 9, 2}, {9, 9, 9, 3}} {
		if at := e.Position(c.line, c.column); at.Line != c.wantLine || at.Column != c.wantColumn {
			t.Errorf("%d:%d is at %v, want %d:%d", c.line, c.column, at, c.wantLine, c.wantColumn)
		}
	}
}

func TestDepth(t *testing.T) {
	for _, text := range []string{
		"a = " + strings.Repeat("[", 1_000_000),
		"a = " + strings.Repeat("{a=", 1_000_000),
		strings.Repeat("a.", 1_000_000) + "a = 1",
		"[" + strings.Repeat("a.", 1_000_000) + "a]",
		"[a.b.c.d.e]\nx = " + strings.Repeat("[", 60) + strings.Repeat("]", 60),
	} {
		src, found := Parse("deep.toml", []byte(text))
		if src != nil || len(found) != 1 || found[0].Code != graph.CodeTooLarge || found[0].Line == 0 {
			t.Errorf("%.20s…: %v", text, found)
		}
	}
	text := "a = " + strings.Repeat("[", 60) + strings.Repeat("]", 60)
	if src, found := Parse("deep.toml", []byte(text)); src == nil || len(found) != 1 || found[0].Code != graph.CodeUnknownKey {
		t.Error(found)
	}
	if _, found := Parse("big.toml", make([]byte, MaxBytes+1)); len(found) != 1 || found[0].Code != graph.CodeTooLarge {
		t.Error(found)
	}
}

// FuzzLayout holds the scanner against the parser.
func FuzzLayout(f *testing.F) {
	for _, text := range layouts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 10_000 {
			check(t, text)
		}
	})
}
