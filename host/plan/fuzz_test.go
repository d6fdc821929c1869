package plan

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
)

// FuzzLink: whatever a graph asks of the world, it is refused with a place, or is
// linked to what was offered, and then says all of what it asks.
func FuzzLink(f *testing.F) {
	archives, _ := filepath.Glob("testdata/world/*.txtar")
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".toml") {
				f.Add(string(file.Data))
			}
		}
	}
	f.Add(granting)
	offers, configured := offered(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		g, _ := graphfile.Load("g.toml", []byte(text), func(string) ([]byte, error) { return nil, errors.New("no files") })
		if g == nil {
			return
		}
		*configured = nil
		p, found := Link(g, modules(t), offers)
		if (p == nil) != found.Failed() {
			t.Fatalf("plan %v with %v", p, found)
		}
		lines := strings.Count(text, "\n") + 1
		for _, d := range found {
			if d.Line < 1 || d.Column < 1 || d.Line > lines || d.File != "g.toml" || d.Code == "" || d.Text == "" {
				t.Fatalf("%+v", d)
			}
		}
		if len(*configured) > len(g.Capabilities) {
			t.Fatalf("configured %q", *configured)
		}
		if p == nil {
			return
		}
		checkGranted(t, p)
		w, same := p.Worst(), Worst(p.Graph)
		for _, figure := range []int64{w.Calls, w.Tokens, w.Cost, same.Calls, same.Tokens, same.Cost} {
			if figure < 0 || figure > capability.Unlimited {
				t.Fatalf("%+v", w)
			}
		}
		again, _ := Link(g, modules(t), offers)
		if again == nil || again.Digest != p.Digest || p.Digest == "" {
			t.Fatalf("%q, then %v", p.Digest, again)
		}
	})
}

// checkGranted: what a node is granted is what was written, split in two, and
// everything of it is among what the plan asks for.
func checkGranted(t *testing.T, p *Plan) {
	t.Helper()
	asked := 0
	for _, n := range p.Nodes {
		asked += len(n.Granted)
		for _, g := range n.Granted {
			if g.Offer == nil || g.Own.Kind() != document.KindObject || g.Limits.Calls < 0 || g.Limits.Bytes < 0 || g.Limits.Tokens < 0 || g.Limits.Cost < 0 {
				t.Fatalf("%+v", g)
			}
			own := map[string]bool{}
			for _, f := range g.Own.Fields() {
				own[f.Key] = true
			}
			for _, f := range g.Terms.Fields() {
				if common := slices.Contains(graph.LimitKeys(), f.Key); own[f.Key] == common && (g.Capability != "fetch" || f.Key != "methods") {
					t.Fatalf("%s of %s is in %s", f.Key, g.Terms, g.Own)
				}
			}
			for _, r := range secret.References(g.Own) {
				if !slices.ContainsFunc(p.Secrets, func(s *graph.Secret) bool { return s.Name == r.Name }) {
					t.Fatalf("secret %q is not asked for", r.Name)
				}
			}
		}
	}
	if asks := p.Asks(); len(asks.Grants) != asked {
		t.Fatalf("%d of %d grants", len(asks.Grants), asked)
	}
}
