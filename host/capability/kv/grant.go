package kv

import (
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// grant is what a node may do.
type grant struct {
	patterns []string // none: all keys
	readOnly bool
}

func readGrant(d document.Document) grant {
	var g grant
	for _, f := range d.Fields() {
		switch f.Key {
		case "keys":
			for item := range f.Value.All() {
				g.patterns = append(g.patterns, text(item))
			}
		case "read_only":
			g.readOnly = f.Value.String() == "true"
		default:
		}
	}
	return g
}

func (g grant) allows(key string) bool {
	if g.patterns == nil {
		return true
	}
	for _, p := range g.patterns {
		if literal, open := strings.CutSuffix(p, "*"); key == p || open && strings.HasPrefix(key, literal) {
			return true
		}
	}
	return false
}

// part is a part of the keys' order: what begins with a prefix, or one key.
type part struct{ prefix, lo, hi string }

// parts are the granted parts of what begins with a prefix, sorted and apart from
// each other.
func (g grant) parts(prefix string) []part {
	patterns := g.patterns
	if patterns == nil {
		patterns = []string{"*"}
	}
	var list []part
	for _, p := range patterns {
		literal, open := strings.CutSuffix(p, "*")
		switch {
		case open && strings.HasPrefix(prefix, literal):
			literal = prefix
		case !strings.HasPrefix(literal, prefix):
			continue
		}
		one := part{prefix: literal, lo: literal, hi: past(literal)}
		if !open {
			one.hi = behind(literal)
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b part) int {
		if c := strings.Compare(a.lo, b.lo); c != 0 {
			return c
		}
		return strings.Compare(b.hi, a.hi)
	})
	var apart []part
	for _, p := range list {
		if n := len(apart); n == 0 || p.lo >= apart[n-1].hi {
			apart = append(apart, p)
		}
	}
	return apart
}
