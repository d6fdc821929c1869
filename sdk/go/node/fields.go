// The fields of a struct as encoding/json sees them.

package node

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

type field struct {
	name     string // in JSON
	goName   string
	typ      reflect.Type
	tag      reflect.StructTag
	optional bool // may be left out
	omits    bool // is left out when it is empty
	quoted   bool // a number or bool within a string: the option "string"

	tagged bool // the name is from a tag
	depth  int  // in how many embedded structs it lies
}

// fieldsOf gives the fields of a struct, those of embedded structs among them, by
// the rules of encoding/json: of several with one name the least deep wins, of
// equally deep ones the one that a tag names, or none.
func fieldsOf(t reflect.Type) []field {
	all := gather(nil, t, 0, false, []reflect.Type{t})
	named := map[string][]int{}
	for i, f := range all {
		named[f.name] = append(named[f.name], i)
	}
	fields := make([]field, 0, len(named))
	for i, f := range all {
		if !slices.ContainsFunc(named[f.name], func(k int) bool { return k != i && !f.beats(all[k]) }) {
			fields = append(fields, f)
		}
	}
	return fields
}

// beats tells whether f counts and another field of its name does not.
func (f field) beats(other field) bool {
	return f.depth < other.depth || f.depth == other.depth && f.tagged && !other.tagged
}

func gather(fields []field, t reflect.Type, depth int, optional bool, inside []reflect.Type) []field {
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" && options == "" && sf.Tag.Get("json") == "-" {
			continue
		}
		if !plainName(name) {
			name = ""
		}
		embedded := sf.Type
		pointer := embedded.Kind() == reflect.Pointer && embedded.Name() == ""
		if pointer {
			embedded = embedded.Elem()
		}
		if sf.Anonymous {
			if sf.PkgPath != "" && (embedded.Kind() != reflect.Struct || pointer) {
				continue
			}
		} else if sf.PkgPath != "" {
			continue
		}
		if sf.Anonymous && name == "" && embedded.Kind() == reflect.Struct && known(embedded) == nil {
			if !slices.Contains(inside, embedded) { // a struct that embeds itself brings nothing new
				fields = gather(fields, embedded, depth+1, optional || pointer, append(slices.Clone(inside), embedded))
			}
			continue
		}
		f := field{name: name, goName: sf.Name, typ: sf.Type, tag: sf.Tag, tagged: name != "", depth: depth}
		if name == "" {
			f.name = sf.Name
		}
		f.omits = option(options, "omitempty") || option(options, "omitzero")
		f.optional = optional || f.omits || sf.Type.Kind() == reflect.Pointer
		f.quoted = option(options, "string") && quotable(sf.Type)
		fields = append(fields, f)
	}
	return fields
}

func option(options, name string) bool {
	return slices.Contains(strings.Split(options, ","), name)
}

// plainName tells whether encoding/json takes a tag's name.
func plainName(name string) bool {
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) {
			return false
		}
	}
	return true
}

// quotable are the kinds to which the option "string" applies.
func quotable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	k := t.Kind()
	return k >= reflect.Bool && k <= reflect.Uintptr || k == reflect.Float32 || k == reflect.Float64 || k == reflect.String
}
