package plan

// How complaints name what stands in a graph file, and what was probably meant.

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/graph"
)

// within names a value inside a table as TOML does: owner.hosts[0].
func within(owner, pointer string) string {
	var b strings.Builder
	b.WriteString(owner)
	if pointer == "" {
		return owner
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if index.MatchString(token) {
			b.WriteString("[" + token + "]")
			continue
		}
		b.WriteString("." + tomlKey(pointerText.Replace(token)))
	}
	return b.String()
}

var (
	index        = regexp.MustCompile(`^[0-9]+$`)
	bareKey      = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	pointerToken = strings.NewReplacer("~", "~0", "/", "~1")
	pointerText  = strings.NewReplacer("~1", "/", "~0", "~")
)

// tomlKey writes a key, in quotes where it needs them.
func tomlKey(name string) string {
	if bareKey.MatchString(name) {
		return name
	}
	return fmt.Sprintf("%q", name)
}

// near says which name was probably meant, or else which there are.
func near(name string, names []string, otherwise string) string {
	if n := graph.Nearest(name, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return otherwise + " " + listed(names)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names[:min(len(names), maxListed)], ", ")
}

// maxListed bounds the names that a hint lists.
const maxListed = 40

func methods(o *capability.Offer) []string {
	names := make([]string, len(o.Description.Methods))
	for i, m := range o.Description.Methods {
		names[i] = m.Name
	}
	return names
}
