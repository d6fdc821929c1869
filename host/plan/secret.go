package plan

// References to secrets: where they may stand, and that they are declared.

import (
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// secretMark begins a reference to a secret.
const secretMark = "${secret:"

// references complains about what a table refers to that is no declared secret,
// and notes the others where something will need them.
func (w *world) references(table document.Document, places graph.Positions, otherwise graph.Position, owner string, needed bool) {
	for _, r := range secret.References(table) {
		at := places.Find(r.Pointer, otherwise)
		if r.Name == "" {
			w.refuse(at, CodeUnknownSecret, within(owner, r.Pointer)+": this is no reference to a secret", "write ${secret:NAME}, with a NAME of A-Z, a-z, 0-9, _ and -, in a value")
			continue
		}
		if w.secrets[r.Name] {
			continue
		}
		if !w.declared(r.Name) {
			var names []string
			for _, s := range w.graph.Secrets {
				names = append(names, s.Name)
			}
			hint := fmt.Sprintf(`declare it: [secrets.%s] with env = "VARIABLE" or file = "PATH"`, tomlKey(r.Name))
			if n := graph.Nearest(r.Name, names); n != "" {
				hint = fmt.Sprintf("did you mean %q?", n)
			}
			w.refuse(at, CodeUnknownSecret, fmt.Sprintf("%s: no secret %q is declared", within(owner, r.Pointer), r.Name), hint)
			continue
		}
		if needed {
			w.secrets[r.Name] = true
		}
	}
}

func (w *world) declared(name string) bool {
	for _, s := range w.graph.Secrets {
		if s.Name == name {
			return true
		}
	}
	return false
}

// usedSecrets are those that a grant, or a setting of what is granted, refers to.
// It warns of those that are referred to nowhere.
func (w *world) usedSecrets() []*graph.Secret {
	mentioned := map[string]bool{}
	for _, s := range w.graph.Capabilities {
		for _, r := range secret.References(s.Value) {
			mentioned[r.Name] = true
		}
	}
	for g := range w.linked {
		for _, r := range secret.References(g.Terms) {
			mentioned[r.Name] = true
		}
	}
	var used []*graph.Secret
	for _, s := range w.graph.Secrets {
		if w.secrets[s.Name] {
			used = append(used, s)
		}
		if mentioned[s.Name] {
			continue
		}
		w.warn(s.At, CodeUnusedSecret, fmt.Sprintf("secrets.%s: nothing refers to it", s.Name),
			fmt.Sprintf("write ${secret:%s} in a grant or in [capabilities.NAME], or remove it", s.Name))
	}
	return used
}

// exposed complains about references where a node would see them.
func (w *world) exposed() {
	g := w.graph
	for _, k := range g.State {
		w.exposedIn(k.Initial, nil, k.At, fmt.Sprintf("state.%s.initial", k.Name))
	}
	w.exposedText(g.OutputSource, g.Output.At, "output.value")
	// What [defaults] says is looked at once.
	shared, configs := map[graph.Position]bool{}, map[*byte]bool{}
	for _, n := range g.Nodes {
		if text := n.Config.Bytes(); len(text) > 0 && !configs[&text[0]] {
			configs[&text[0]] = true
			w.exposedIn(n.Config, n.ConfigPlaces, n.At, fmt.Sprintf("node %q: config", n.Name))
		}
		text := func(e graph.Expression, at graph.Position, key string) {
			if at.Line == 0 {
				at = n.At
			}
			if e.At.Line == 0 || !shared[e.At] {
				shared[e.At] = true
				w.exposedText(e, at, fmt.Sprintf("node %q: %s", n.Name, key))
			}
		}
		if b := n.Input; b != nil {
			text(b.Source, b.At, "input")
			for _, f := range b.Fields {
				text(f.Source, f.At, "input."+f.Key)
			}
		}
		for _, wr := range n.Writes {
			text(wr.Source, wr.At, "write."+wr.Key.Name)
		}
		text(n.ForeachSource, keyOf(n, "foreach"), "foreach")
	}
	for _, e := range g.Edges {
		w.exposedText(e.WhenSource, e.At, fmt.Sprintf("edge from %q to %q: when", e.From.Name, e.To.Name))
	}
}

const exposedHint = "write it in [capabilities.NAME] or in a grant: the host puts the secret in where it goes out"

func (w *world) exposedIn(d document.Document, places graph.Positions, at graph.Position, owner string) {
	for _, r := range secret.References(d) {
		w.refuse(places.Find(r.Pointer, at), CodeExposedSecret, within(owner, r.Pointer)+": a node never sees a secret", exposedHint)
	}
}

func (w *world) exposedText(e graph.Expression, at graph.Position, owner string) {
	i := strings.Index(e.Text, secretMark)
	if i < 0 {
		return
	}
	if e.At.Line > 0 {
		line := 1 + strings.Count(e.Text[:i], "\n")
		column := 1 + len([]rune(e.Text[strings.LastIndexByte(e.Text[:i], '\n')+1:i]))
		at = e.Position(line, column)
	}
	w.refuse(at, CodeExposedSecret, owner+": an expression never sees a secret", exposedHint)
}
