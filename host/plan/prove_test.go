package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// proved links a graph all of whose modules are one that has no manifest.
func proved(t *testing.T, text string) graph.Diagnostics {
	t.Helper()
	g, found := graphfile.Load("graph.toml", []byte(text), nil)
	if found.Failed() {
		t.Fatal(found)
	}
	_, found = Link(g, func(string) ([]byte, error) { return moduletest.Echo(), nil }, nil)
	return found
}

func TestProve(t *testing.T) {
	const ab = "version = 1\nchain = ['a', 'b']\n[nodes.a]\nmodule = 'a.wasm'\n%s\n[nodes.b]\nmodule = 'b.wasm'\n%s\n"
	pair := func(a, b string) string { return fmt.Sprintf(ab, a, b) }
	const film = `output_schema = { type = "object", required = ["title", "year"], additionalProperties = false, properties = { title = { type = "string" }, year = { type = "integer" }, note = { type = ["string", "null"] } } }`

	for name, c := range map[string]struct {
		text string
		want string // "" for none: "line severity code part of the text"
	}{
		"nothing is known":  {pair("", ""), ""},
		"schemas that fit":  {pair(`output_schema = { type = "integer" }`, `input_schema = { type = "number" }`), ""},
		"schemas that may":  {pair(`output_schema = { type = "number" }`, `input_schema = { type = "integer" }`), ""},
		"a wire":            {pair(`output_schema = { type = "string" }`, `input_schema = { type = "object" }`), `2 error incompatible_wire the edge from "a" to "b" carries nothing that "b" can take: it is a string, and must be an object`},
		"a wire by text":    {pair(`output_schema = { type = "object" }`, `encoding = "text"`), `2 error incompatible_wire it is an object, and must be a string`},
		"a wire from text":  {pair(`encoding = "text"`, `input_schema = { type = "number" }`), `2 error incompatible_wire it is a string`},
		"a wire to a sieve": {pair(film, `input_schema = { required = ["titel"] }`), `2 error incompatible_wire never has "titel"`},
		"a wire whose failure is routed": {
			pair(film, `input_schema = { required = ["titel"] }`) + "[nodes.c]\nmodule = 'c.wasm'\n[[edges]]\nfrom = 'b'\nto = 'c'\non = ['invalid_input']\n",
			`2 warning incompatible_wire never has "titel"`,
		},
		"a failure edge": {
			pair("", "") + "[nodes.c]\nmodule = 'c.wasm'\ninput_schema = { type = 'string' }\n[[edges]]\nfrom = 'b'\nto = 'c'\non = 'error'\n",
			`12 error incompatible_wire the failure edge from "b" to "c"`,
		},
		"a wire to elements": {
			pair(`output_schema = { type = "array", items = { type = "string" } }`, "foreach = 'input'\ninput_schema = { type = 'number' }"),
			`8 error incompatible_wire no element can be its input`,
		},
		"a wire to elements whose failures are collected": {
			pair(`output_schema = { type = "array", items = { type = "string" } }`, "foreach = 'input'\non_error = 'collect'\ninput_schema = { type = 'number' }"),
			`8 warning incompatible_wire no element can be its input`,
		},
		"an input of elements whose failures are collected": {
			pair(`output_schema = { type = "array", items = { type = "string" } }`, "foreach = 'input'\non_error = 'collect'\ninput = 'item * 2'"),
			`10 warning type_error cannot apply *`,
		},
		"a wire that is switched off": {
			pair(`output_schema = { type = "string" }`, "") + "[nodes.c]\nmodule = 'c.wasm'\ninput_schema = { type = 'number' }\n[[edges]]\nfrom = 'a'\nto = 'c'\nwhen = 'false'\n", "",
		},
		"the run's input": {
			pair(`input_schema = { type = "object" }`, "") + "[input]\nschema = { type = 'array' }\n",
			`10 error incompatible_wire no input of the run can be the input of node "a": it is a list`,
		},
		"the run's output": {
			pair("", film) + "[output]\nschema = { type = 'array' }\n",
			`10 error incompatible_wire no output of node "b", which ends the run, is allowed by output.schema`,
		},
		"the run's output as an expression": {
			pair("", film) + "[output]\nvalue = 'output.title'\nschema = { type = 'array' }\n",
			`error incompatible_wire output.value makes nothing that output.schema allows`,
		},
		"an input that fits":   {pair(film, `input_schema = { type = "object", required = ["t"], properties = { t = { type = "string" } } }`+"\ninput = { t = 'input.title' }"), ""},
		"an input of the type": {pair(film, `input_schema = { type = "object", required = ["t"], properties = { t = { type = "string" } } }`+"\ninput = { t = 'input.year' }"), `error incompatible_wire node "b": input makes nothing that the node can take: "/t" is a number, and must be a string`},
		"an input without it":  {pair(film, `input_schema = { type = "object", required = ["t"] }`+"\ninput = { s = 'input.year' }"), `error incompatible_wire never has "t"`},

		"an unknown member":         {pair(film, "input = 'input.titel'"), `8 error type_error node "b": input: it always fails: input never has "titel" (did you mean "title"?)`},
		"a member that may be":      {pair(film, "input = 'input.note'"), ""},
		"a member that is asked":    {pair(film, "input = 'has(input.titel) ? input.titel : 1'"), ""},
		"an operator":               {pair(film, "input = { x = 'input.title + input.year' }"), `error type_error node "b": input.x: it always fails: cannot apply + to a string and a number`},
		"a part of an expression":   {pair(film, "input = { x = 'input.title == \"\" || input.titel == \"\"' }"), `8 warning type_error a part of it always fails`},
		"a node that is not before": {pair(film, "input = 'inputs.c'"), `error type_error inputs never has "c"`},
		"the run's own input":       {pair("", "input = 'run.input.y'") + "[input]\nschema = { type = 'object', properties = { x = {} }, additionalProperties = false }\n", `error type_error run.input never has "y"`},
		"the run":                   {pair("", "input = 'run.imput'"), `error type_error run never has "imput" (did you mean "input"?)`},
		"state":                     {pair("", "input = 'state.cuont'") + "[state.count]\ninitial = 0\n", `error type_error state never has "cuont" (did you mean "count"?)`},
		"state that fits":           {pair("write = { count = 'state.count + 1' }", "input = 'state.count + 1'") + "[state.count]\ninitial = 0\nschema = { type = 'integer' }\n", ""},
		"state without a schema":    {pair("write = { count = '\"a\" + output.x' }", "input = 'state.count + 1'") + "[state.count]\ninitial = 0\n", ""},
		"an update":                 {pair(film+"\nwrite = { count = 'output.title' }", "") + "[state.count]\ninitial = 0\nschema = { type = 'integer' }\n", `6 error incompatible_wire node "a": write.count makes no update that the key can take: it is a string`},
		"an update for a reducer":   {pair(film+"\nwrite = { count = 'output.title' }", "") + "[state.count]\nreduce = 'sum'\n", `6 error incompatible_wire write.count`},
		"an appended update":        {pair(film+"\nwrite = { titles = 'output.title' }", "input = 'state.titles[0] + \"a\"'") + "[state.titles]\nreduce = 'append'\nschema = { type = 'string' }\n", ""},
		"what was appended":         {pair(film+"\nwrite = { titles = 'output.title' }", "input = 'state.titles[0] * 2'") + "[state.titles]\nreduce = 'append'\nschema = { type = 'string' }\n", `error type_error cannot apply * to a string and a number`},
		"a condition": {
			strings.Replace(pair(film, ""), "chain = ['a', 'b']", "", 1) + "[[edges]]\nfrom = 'a'\nto = 'b'\nwhen = 'output.yeer > 1'\n",
			`error type_error edge from "a" to "b": when: it always fails: output never has "yeer" (did you mean "year"?)`,
		},
		"a condition that is none": {
			strings.Replace(pair(film, ""), "chain = ['a', 'b']", "", 1) + "[[edges]]\nfrom = 'a'\nto = 'b'\nwhen = 'output.year'\n",
			`error type_error a condition must be true or false; this one is a number`,
		},
		"a condition that is never true": {
			strings.Replace(pair(film, ""), "chain = ['a', 'b']", "", 1) + "[[edges]]\nfrom = 'a'\nto = 'b'\nwhen = 'has(output.titel) && output.titel != \"\"'\n",
			`warning unreachable_edge edge from "a" to "b": when: the condition is never true`,
		},
		"the error of a success": {
			strings.Replace(pair(film, ""), "chain = ['a', 'b']", "", 1) + "[[edges]]\nfrom = 'a'\nto = 'b'\nwhen = 'error.code == \"trap\"'\n",
			`error type_error there is no "code": error is null`,
		},
		"the error of a failure": {
			pair("", "") + "[nodes.c]\nmodule = 'c.wasm'\n[[edges]]\nfrom = 'b'\nto = 'c'\non = 'error'\nwhen = 'error.reason == \"x\" && error.violations.all(v, v.pointer != \"\") && output == null && error.attempt > 1'\n", "",
		},
		"a member of the failure": {
			pair("", "") + "[nodes.c]\nmodule = 'c.wasm'\n[[edges]]\nfrom = 'b'\nto = 'c'\non = 'error'\nwhen = 'error.raeson == \"x\"'\n",
			`warning type_error error never has "raeson"`,
		},
		"what a failure edge brings": {
			pair("", "") + "[nodes.c]\nmodule = 'c.wasm'\ninput = { films = 'input.input.films', code = 'input.code' }\n[[edges]]\nfrom = 'b'\nto = 'c'\non = 'error'\n", "",
		},

		"a loop with a condition": {pair(film, film) + "[[edges]]\nfrom = 'b'\nto = 'a'\nwhen = 'output.year > 1'\n", ""},
		"a loop without one":      {pair("", "max_visits = 5") + "[[edges]]\nfrom = 'b'\nto = 'a'\n", `warning endless_loop the loop of "a" never ends by itself: the edge from "b" to "a" is taken in every turn (give the edge a condition; as it is, only a limit ends the loop: max_visits, after 100 turns, or max_steps)`},
		"a loop whose condition is always true": {
			pair(film, film) + "[[edges]]\nfrom = 'b'\nto = 'a'\nwhen = 'output.year != null'\n", `warning endless_loop`,
		},
		"a loop that a failure leaves": {
			pair("", "") + "[nodes.c]\nmodule = 'c.wasm'\n[[edges]]\nfrom = 'b'\nto = 'a'\n[[edges]]\nfrom = 'a'\nto = 'c'\non = ['max_visits']\n", "",
		},
		"a loop with a way out before it": {
			pair("", "route = 'first'") + "[nodes.c]\nmodule = 'c.wasm'\n[[edges]]\nfrom = 'b'\nto = 'c'\nwhen = 'output.done'\n[[edges]]\nfrom = 'b'\nto = 'a'\n", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := proved(t, c.text)
			if c.want == "" {
				if len(found) > 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("%d diagnostics: %v", len(found), found)
			}
			d := found[0]
			text := fmt.Sprintf("%d %s %s %s (%s)", d.Line, d.Severity, d.Code, d.Text, d.Hint)
			for _, part := range splitWant(c.want) {
				if !strings.Contains(text, part) {
					t.Errorf("found  %s\nwithout %s", text, part)
				}
			}
			if d.Line == 0 || d.File == "" {
				t.Errorf("no place: %+v", d)
			}
		})
	}
}

// splitWant takes "line severity code text" apart, where line may be left out.
func splitWant(want string) []string {
	for _, s := range []string{"error", "warning"} {
		head, rest, ok := strings.Cut(want, s+" ")
		if !ok || len(head) > 3 {
			continue
		}
		code, text, _ := strings.Cut(rest, " ")
		parts := []string{head + s + " " + code, text}
		if head == "" {
			parts[0] = " " + parts[0]
		}
		return parts
	}
	return []string{want}
}

// The document of a failure has the members that the stepper gives it, which
// this package cannot import.
func TestFailureShape(t *testing.T) {
	source, err := os.ReadFile("../stepper/fail.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(source), "\nfunc failureDocument(")
	body, _, end := strings.Cut(body, "\n}\n")
	if !ok || !end {
		t.Fatal("the stepper's failureDocument is not where it was")
	}
	var given []string
	for _, m := range regexp.MustCompile(`Key: "([a-z_]+)"`).FindAllStringSubmatch(body, -1) {
		given = append(given, m[1])
	}
	known := append(failureShape.Names(), failureShape.Member("violations").Items().Names()...)
	slices.Sort(given)
	slices.Sort(known)
	if !slices.Equal(given, known) {
		t.Errorf("the stepper gives %q, the prover knows %q", given, known)
	}
}

func TestMissingGrant(t *testing.T) {
	wasm := withManifest(t, `{"name":"ask","capabilities":["llm","fetch"]}`)
	_, found := Link(build(t, "version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'ask.wasm'\n"), func(string) ([]byte, error) { return wasm, nil }, nil)
	if len(found) != 2 || found[0].Code != CodeMissingGrant || found[0].Line != 4 || !strings.Contains(found.Error(), "[nodes.a.grants.fetch]") {
		t.Errorf("found %v", found)
	}
}

// A graph of 10,000 nodes, one that everything leads to and from, and a schema of
// many parts on each wire are proved in well under a second.
func TestProveLarge(t *testing.T) {
	const n = 10_000
	text := "version = 1\n"
	wide := `{ type = "object", required = ["m1"], additionalProperties = false, properties = { `
	for i := range 100 {
		wide += fmt.Sprintf(`m%d = { type = "object", properties = { x = { type = "integer" } } }, `, i)
	}
	wide += "} }"
	text += "[nodes.first]\nmodule = 'm'\noutput_schema = " + wide + "\n[nodes.last]\nmodule = 'm'\ninput = 'inputs.size() + state.k'\n[state.k]\ninitial = 1\n"
	var edges strings.Builder
	for i := range n {
		text += fmt.Sprintf("[nodes.n%d]\nmodule = 'm'\ninput_schema = { required = ['m1'] }\n", i)
		fmt.Fprintf(&edges, "[[edges]]\nfrom = 'first'\nto = 'n%d'\nwhen = 'output.m1.x > %d'\n[[edges]]\nfrom = 'n%d'\nto = 'last'\nwhen = 'input.m2.x == %d'\n", i, i, i, i)
	}
	g, found := graphfile.Load("graph.toml", []byte(text+edges.String()), nil)
	if found.Failed() {
		t.Skip(found[0])
	}
	began := time.Now()
	if _, found = Link(g, func(string) ([]byte, error) { return moduletest.Echo(), nil }, nil); len(found) > 0 {
		t.Error(found[0])
	}
	t.Logf("%v", time.Since(began))
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
}

// Many wires between schemas that are hard to compare end as soon as the budget
// is used up.
func TestProveHostile(t *testing.T) {
	const n = 40
	files := map[string][]byte{}
	for i := range 2 * n {
		var branches []string
		for j := range 60 {
			branches = append(branches, fmt.Sprintf(`{"type":"object","required":["k","l"],"properties":{"k":{"anyOf":[{"minLength":%d,"type":"string"},{"minimum":%d,"type":"number"}]},"l":{"type":"array","items":{"const":%d}}}}`, j, i, j))
		}
		files[fmt.Sprintf("s%d.json", i)] = []byte(`{"anyOf":[` + strings.Join(branches, ",") + `]}`)
	}
	var nodes, edges strings.Builder
	for i := range n * n {
		fmt.Fprintf(&nodes, "[nodes.a%d]\nmodule = 'm'\noutput_schema = 's%d.json'\n[nodes.b%d]\nmodule = 'm'\ninput_schema = 's%d.json'\n", i, i%n, i, n+i/n)
		fmt.Fprintf(&edges, "[[edges]]\nfrom = 'a%d'\nto = 'b%d'\n", i, i)
	}
	text := "version = 1\n" + nodes.String() + edges.String()
	g, found := graphfile.Load("graph.toml", []byte(text), func(name string) ([]byte, error) { return files[name], nil })
	if found.Failed() {
		t.Fatal(found[0])
	}
	began := time.Now()
	if _, found = Link(g, func(string) ([]byte, error) { return moduletest.Echo(), nil }, nil); found.Failed() {
		t.Error(found[0])
	}
	t.Logf("%v", time.Since(began))
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

// A schema whose parts refer to one another looks endless from an expression.
func TestProveTangled(t *testing.T) {
	const levels = 20
	defs := make([]string, levels)
	for i := range defs {
		var members []string
		for j := range 10 {
			members = append(members, fmt.Sprintf(`"m%d":{"$ref":"#/$defs/s%d"}`, j, i+1))
		}
		object := `{"type":"object","required":["m1"],"properties":{` + strings.Join(members, ",") + `}}`
		defs[i] = fmt.Sprintf(`"s%d":{"anyOf":[%s,%s]}`, i, object, strings.Replace(object, `"m1"`, `"m2"`, 1))
	}
	file := `{"$ref":"#/$defs/s0","$defs":{` + strings.Join(defs, ",") + fmt.Sprintf(`,"s%d":{"type":"string"}}}`, levels)
	text := `
version = 1
[nodes.a]
module = 'm'
input_schema = 's.json'
output_schema = 's.json'
[nodes.b]
module = 'm'
input_schema = 's.json'
input = 'input.m1.m2.m3 == input.m4 ? input.m2.m3 : (input.m1.m1.m9 == run.input ? input.m2 : inputs.a)'
[[edges]]
from = 'a'
to = 'b'
when = 'input.m1.m2 == output.m3.m4 && (true ? input : output) == output'
`
	g, found := graphfile.Load("graph.toml", []byte(text), func(string) ([]byte, error) { return []byte(file), nil })
	if found.Failed() {
		t.Fatal(found[0])
	}
	began := time.Now()
	if _, found = Link(g, func(string) ([]byte, error) { return moduletest.Echo(), nil }, nil); found.Failed() {
		t.Error(found[0])
	}
	t.Logf("%v", time.Since(began))
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

// What is written in the repository passes: the graphs, the scenarios of the
// stepper, the scripts of the command line; but for those whose very subject
// must fail.
func TestProveTheRepository(t *testing.T) {
	must := map[string]string{
		"conflict_turn.txtar graph.toml":          CodeEndlessLoop,
		"subgraph_never_routed.txtar graph.toml":  CodeEndlessLoop,
		"subgraph_never_routed.txtar other.toml":  CodeEndlessLoop,
		"loops.txtar endless.toml":                CodeEndlessLoop,
		"loops.txtar steps.toml":                  CodeEndlessLoop,
		"foreach_bad_write.txtar graph.toml":      CodeIncompatibleWire,
		"reducer_element_schema.txtar graph.toml": CodeIncompatibleWire,
		"subgraph_schemas.txtar graph.toml":       CodeIncompatibleWire + " " + CodeIncompatibleWire,

		"pack.txtar graph.toml": CodeUnknownEntry, // of the module that stands for its own
	}
	files := 0
	for _, pattern := range []string{"../../graphs/*/graph.toml", "../stepper/scenario/testdata/*.txtar", "../../cmd/chainrun/internal/cli/testdata/script/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, name := range names {
			if filepath.Base(name) == "prove.txtar" { // is about nothing else
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			archive := &txtar.Archive{Files: []txtar.File{{Name: filepath.Base(name), Data: text}}}
			if strings.HasSuffix(name, ".txtar") {
				archive = txtar.Parse(text)
			}
			for _, f := range archive.Files {
				if !strings.HasSuffix(f.Name, ".toml") {
					continue
				}
				load := func(ref string) ([]byte, error) {
					for _, g := range archive.Files {
						if g.Name == ref {
							return g.Data, nil
						}
					}
					return os.ReadFile(filepath.Join(filepath.Dir(name), filepath.FromSlash(ref)))
				}
				g, found := graphfile.Load(f.Name, f.Data, load)
				if found.Failed() {
					continue
				}
				p, found := Link(g, func(ref string) ([]byte, error) {
					if b, err := load(ref); err == nil && strings.HasSuffix(name, ".toml") {
						return b, nil
					}
					return moduletest.Echo(), nil
				}, anything(t, g))
				files++
				var got []string
				for _, d := range found {
					got = append(got, d.Code)
				}
				key := filepath.Base(name) + " " + f.Name
				if text := strings.Join(got, " "); text != must[key] {
					t.Errorf("%s: found %q, want %q:\n%v", key, text, must[key], found)
				}
				if w := Worst(g); w.Steps <= 0 {
					t.Errorf("%s: the worst case is %+v of %v", key, w, p)
				}
			}
		}
	}
	if files < 20 {
		t.Errorf("only %d graphs were linked", files)
	}
	t.Logf("%d graphs", files)
}
