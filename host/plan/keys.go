package plan

// Which keys a table may have: those that the schema of a capability lists.

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/chainrun/chainrun/host/document"
)

// keys are those that an object's schema lists at its top.
type keys struct {
	names    []string
	patterns []*regexp.Regexp
	open     bool // it says itself what it thinks of others
}

// keysOf reads a schema's source, each only once.
func (l *linker) keysOf(source json.RawMessage) *keys {
	if k, ok := l.keys[string(source)]; ok {
		return k
	}
	k := &keys{}
	l.keys[string(source)] = k
	d, err := document.Parse(source, document.Limits{})
	if err != nil {
		return k // no schema: NewOffer has compiled every other one
	}
	for _, f := range d.Fields() {
		switch f.Key {
		case "properties":
			for _, p := range f.Value.Fields() {
				k.names = append(k.names, p.Key)
			}
		case "patternProperties":
			for _, p := range f.Value.Fields() {
				if r, err := regexp.Compile(p.Key); err == nil {
					k.patterns = append(k.patterns, r)
				}
			}
		case "additionalProperties":
			k.open = f.Value.String() != "false"
		}
	}
	return k
}

// has reports whether the schema lists a key by name.
func (k *keys) has(key string) bool { return slices.Contains(k.names, key) }

// take reports whether an object of the schema may have a key.
func (k *keys) take(key string) bool {
	return k.open || k.has(key) || slices.ContainsFunc(k.patterns, func(r *regexp.Regexp) bool { return r.MatchString(key) })
}

// of gives the members of a table that are the schema's; those with a common
// name only where the schema lists it.
func (k *keys) of(table document.Document, common ...string) document.Document {
	var own []document.Field
	for _, f := range table.Fields() {
		if k.has(f.Key) || k.take(f.Key) && !slices.Contains(common, f.Key) {
			own = append(own, f)
		}
	}
	return document.Object(own...)
}
