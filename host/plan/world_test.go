package plan

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics")

// plain is a capability that takes no settings.
type plain struct{ capability.Description }

func (c plain) Describe() capability.Description { return c.Description }

func (c plain) Call(context.Context, capability.Call) (capability.Answer, error) {
	return capability.Answer{}, errors.New("nobody calls it here")
}

// choosy checks grants beyond the schema.
type choosy struct{ plain }

func (choosy) CheckGrant(grant document.Document) (found capability.Problems) {
	for _, f := range grant.Fields() {
		if f.Key != "hosts" {
			continue
		}
		for i, host := range f.Value.Items() {
			if host.String() == `"*"` {
				found = append(found, capability.Problem{Pointer: fmt.Sprintf("/hosts/%d", i), Text: "every host is too many", Hint: "name them"})
			}
		}
	}
	return found
}

// settable takes settings.
type settable struct {
	plain
	configured *[]string // a line for each Configure
}

func (c settable) Configure(name string, settings document.Document) (capability.Capability, error) {
	*c.configured = append(*c.configured, name+" "+settings.String())
	for _, f := range settings.Fields() {
		switch {
		case f.Key == "endpoint" && f.Value.String() == `"ftp"`:
			return nil, capability.Problems{{Pointer: "/endpoint", Text: "no endpoint is reached by ftp", Hint: "write an http URL"}}
		case f.Key == "endpoint" && f.Value.String() == `"down"`:
			return nil, errors.New("the provider does not start")
		case f.Key == "endpoint" && f.Value.String() == `"bad"`:
			return plain{capability.Description{Grant: []byte(`{"type": 5}`)}}, nil
		case f.Key == "endpoint" && f.Value.String() == `"other"`:
			return plain{capability.Description{Methods: []capability.Method{{Name: "query"}}}}, nil
		}
	}
	return plain{c.Description}, nil
}

var (
	fetchDescription = capability.Description{
		Methods: []capability.Method{{Name: "request"}},
		Grant: []byte(`{"type": "object", "required": ["hosts"], "properties": {
			"hosts": {"type": "array", "items": {"type": "string"}, "minItems": 1},
			"methods": {"type": "array", "items": {"enum": ["GET", "POST"]}},
			"headers": {"type": "object", "additionalProperties": {"type": "string"}}}}`),
	}
	llmDescription = capability.Description{
		Methods: []capability.Method{{Name: "chat"}, {Name: "embed.texts"}},
		Grant:   []byte(`{"type": "object", "properties": {"models": {"type": "array", "items": {"type": "string"}}}}`),
		Config: []byte(`{"type": "object", "properties": {
			"endpoint": {"type": "string"}, "key": {"type": "string"},
			"fallbacks": {"type": "array", "items": {"type": "object", "properties": {"endpoint": {"type": "string"}}, "additionalProperties": false}}}}`),
		Environment: []string{"LLM_KEY"},
	}
)

// offered is what the host of these tests offers.
func offered(tb testing.TB) (Offers, *[]string) {
	tb.Helper()
	configured := &[]string{}
	offers := Offers{}
	for name, c := range map[string]capability.Capability{
		"fetch": choosy{plain{fetchDescription}},
		"llm":   settable{plain{llmDescription}, configured},
		"kv":    plain{capability.Description{Methods: []capability.Method{{Name: "get"}, {Name: "set"}}}},
	} {
		offer, err := capability.NewOffer(name, c)
		if err != nil {
			tb.Fatal(err)
		}
		offers[name] = offer
	}
	return offers, configured
}

// anything offers whatever a graph, or one inside it, asks for.
func anything(t *testing.T, g *graph.Graph) Offers {
	t.Helper()
	offers := Offers{}
	offer := func(name string) {
		permissive := capability.Description{Grant: []byte(`{"properties": {"methods": {}}, "additionalProperties": {}}`), Config: []byte(`{"additionalProperties": {}}`)}
		o, err := capability.NewOffer(name, settable{plain{permissive}, &[]string{}})
		if err != nil {
			t.Fatal(err)
		}
		offers[name] = o
	}
	for _, s := range g.Capabilities {
		offer(s.Kind)
	}
	for _, n := range g.Nodes {
		for _, granted := range n.Grants {
			offer(granted.Capability)
		}
		if n.Sub != nil {
			maps.Copy(offers, anything(t, n.Sub))
		}
	}
	return offers
}

// command is a program that does nothing.
var command = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" + "\x0a\x04\x01\x02\x00\x0b")

// modules gives the module that a file's name stands for: command.wasm, or
// needs-A-B.wasm, whose manifest lists A and B, or any other, which lists nothing;
// command-A.wasm is a command whose manifest lists A.
func modules(tb testing.TB) Reader {
	tb.Helper()
	return func(name string) ([]byte, error) {
		base := strings.TrimSuffix(filepath.Base(name), ".wasm")
		if base == "command" {
			return command, nil
		}
		needs := strings.Split(base, "-")
		wasm := moduletest.Echo()
		switch needs[0] {
		case "command":
			wasm = command
		case "needs":
		default:
			return wasm, nil
		}
		quoted := make([]string, 0, len(needs))
		for _, n := range needs[1:] {
			quoted = append(quoted, fmt.Sprintf("%q", n))
		}
		m, err := module.WithManifest(wasm, fmt.Appendf(nil, `{"capabilities": [%s]}`, strings.Join(quoted, ", ")))
		if err != nil {
			tb.Fatal(err)
		}
		return m, nil
	}
}

// TestWorld links every NAME.toml of the archives, with what offered offers, and
// compares what is said of it with NAME.want: a line for each diagnostic, and its
// code.
func TestWorld(t *testing.T) {
	archives, err := filepath.Glob("testdata/world/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		var written []txtar.File
		for _, f := range archive.Files {
			base, isGraph := strings.CutSuffix(f.Name, ".toml")
			if !isGraph {
				continue
			}
			got := ""
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+base, func(t *testing.T) {
				for _, d := range linkedGraph(t, f.Name, files) {
					got += d.String() + " [" + d.Code + "]\n"
					if d.Line < 1 || d.Column < 1 {
						t.Errorf("%+v", d)
					}
				}
				if want := files[base+".want"]; !*update && got != want {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			})
			written = append(written, f, txtar.File{Name: base + ".want", Data: []byte(got)})
		}
		if *update {
			archive.Files = written
			if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func linkedGraph(t *testing.T, name string, files map[string]string) graph.Diagnostics {
	t.Helper()
	offers, _ := offered(t)
	if strings.HasPrefix(name, "alone") {
		offers = nil
	}
	g, found := graphfile.Load(name, []byte(files[name]), func(ref string) ([]byte, error) {
		if text, ok := files[ref]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	})
	if g == nil {
		return found
	}
	p, more := Link(g, modules(t), offers)
	if (p == nil) != more.Failed() {
		t.Errorf("plan %v with %v", p, more)
	}
	return slices.Concat(found, more)
}
