// JSON Schemas of Go types, as encoding/json reads and writes them.

package node

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Schemer is implemented by a type that knows its own JSON Schema, because it
// has methods of its own for JSON or because tags do not say enough. The method
// is called on a zero value, by [Manifest] alone.
type Schemer interface {
	JSONSchema() json.RawMessage
}

// schemaOf gives the JSON Schema (draft 2020-12) of a type: nil where any
// document will do, so that a manifest need not mention it.
func schemaOf(t reflect.Type) (json.RawMessage, error) {
	if t == nil {
		return nil, nil
	}
	d := &deriver{uses: map[reflect.Type]int{}, names: map[reflect.Type]string{}, taken: map[string]bool{}}
	d.count(t)
	s, err := d.schema(t, true)
	if err != nil {
		return nil, err
	}
	if defs, err := d.definitions(); err != nil {
		return nil, err
	} else if len(defs.members) > 0 {
		s.set("$defs", defs)
	}
	if len(s.members) == 0 {
		return nil, nil
	}
	return s.appendTo(nil), nil
}

// A deriver makes one schema. A named type that is met more than once, and so
// every one that contains itself, is written once, below $defs: a schema is
// about as long as the source of the types, whatever they are made of.
type deriver struct {
	uses  map[reflect.Type]int
	named []reflect.Type // below $defs, in the order in which they were met
	names map[reflect.Type]string
	taken map[string]bool
	made  int // schemas so far
}

// maxSchemas bounds what unnamed types within unnamed types can double.
const maxSchemas = 10_000

// count counts where each type that is made of others is met.
func (d *deriver) count(t reflect.Type) {
	if !composite(t) {
		return
	}
	if d.uses[t]++; d.uses[t] > 1 {
		return
	}
	if t.Kind() != reflect.Struct {
		d.count(t.Elem())
		return
	}
	for _, f := range fieldsOf(t) {
		d.count(f.typ)
	}
}

func composite(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
		return known(t) == nil
	default:
		return false
	}
}

// definitions are the schemas below $defs. Making one may name another.
func (d *deriver) definitions() (*object, error) {
	defs := newObject()
	for i := 0; i < len(d.named); i++ {
		s, err := d.plain(d.named[i])
		if err != nil {
			return nil, err
		}
		defs.set(d.names[d.named[i]], s)
	}
	return defs, nil
}

// reference names a type below $defs.
func (d *deriver) reference(t reflect.Type) *object {
	name, ok := d.names[t]
	if !ok {
		plain := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, t.Name())
		name = plain
		for n := 2; d.taken[name]; n++ {
			name = plain + "_" + strconv.Itoa(n)
		}
		d.names[t], d.taken[name] = name, true
		d.named = append(d.named, t)
	}
	return newObject("$ref", "#/$defs/"+name)
}

// schema is that of a type. A nil pointer is null; so is a nil slice or map
// where null may stand for it.
func (d *deriver) schema(t reflect.Type, null bool) (*object, error) {
	if d.made++; d.made > maxSchemas {
		return nil, fmt.Errorf("more than %d schemas in one", maxSchemas)
	}
	var s *object
	if d.uses[t] > 1 && t.Name() != "" {
		s = d.reference(t)
	} else {
		var err error
		if s, err = d.plain(t); err != nil {
			return nil, err
		}
	}
	if composite(t) && (t.Kind() == reflect.Pointer || null && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map)) {
		s = s.orNull()
	}
	return s, nil
}

// plain is the schema of a type when it is not null.
func (d *deriver) plain(t reflect.Type) (*object, error) {
	if s := known(t); s != nil {
		return s()
	}
	switch t.Kind() {
	case reflect.Bool:
		return newObject("type", "boolean"), nil
	case reflect.String:
		return newObject("type", "string"), nil
	case reflect.Float32, reflect.Float64:
		return newObject("type", "number"), nil
	case reflect.Int8, reflect.Int16, reflect.Int32:
		most := int64(1)<<(t.Bits()-1) - 1
		return newObject("type", "integer", "minimum", -most-1, "maximum", most), nil
	case reflect.Int, reflect.Int64:
		return newObject("type", "integer"), nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return newObject("type", "integer", "minimum", 0, "maximum", uint64(math.MaxUint64)>>(64-t.Bits())), nil
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return newObject("type", "integer", "minimum", 0), nil
	case reflect.Interface:
		return newObject(), nil
	case reflect.Pointer:
		return d.schema(t.Elem(), false)
	case reflect.Slice, reflect.Array:
		return d.list(t)
	case reflect.Map:
		return d.table(t)
	case reflect.Struct:
		return d.structure(t)
	default:
		return nil, fmt.Errorf("a %s has no JSON", t)
	}
}

func (d *deriver) list(t reflect.Type) (*object, error) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && known(t.Elem()) == nil {
		return newObject("type", "string", "contentEncoding", "base64"), nil
	}
	items, err := d.schema(t.Elem(), true)
	if err != nil {
		return nil, err
	}
	s := newObject("type", "array", "items", items)
	if t.Kind() == reflect.Array {
		s.set("minItems", t.Len())
		s.set("maxItems", t.Len())
	}
	return s, nil
}

func (d *deriver) table(t reflect.Type) (*object, error) {
	s := newObject("type", "object")
	switch k := t.Key(); {
	case k.Kind() == reflect.String, has[encoding.TextUnmarshaler](k), has[encoding.TextMarshaler](k):
	case k.Kind() >= reflect.Int && k.Kind() <= reflect.Int64:
		s.set("propertyNames", newObject("pattern", "^-?[0-9]+$"))
	case k.Kind() >= reflect.Uint && k.Kind() <= reflect.Uintptr:
		s.set("propertyNames", newObject("pattern", "^[0-9]+$"))
	default:
		return nil, fmt.Errorf("a map with keys of type %s has no JSON", k)
	}
	values, err := d.schema(t.Elem(), true)
	if err != nil {
		return nil, err
	}
	if len(values.members) > 0 {
		s.set("additionalProperties", values)
	}
	return s, nil
}

func (d *deriver) structure(t reflect.Type) (*object, error) {
	properties := newObject()
	var required []any
	for _, f := range fieldsOf(t) {
		rules, err := parseRules(f.tag)
		var s *object
		if err == nil {
			s, err = d.field(f, rules)
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.goName, err)
		}
		properties.set(f.name, s)
		if rules.required || !f.optional {
			required = append(required, f.name)
		}
	}
	s := newObject("type", "object")
	if len(properties.members) > 0 {
		s.set("properties", properties)
	}
	if len(required) > 0 {
		s.set("required", required)
	}
	return s, nil
}

// field is the schema of a field's value, with what its tag says.
func (d *deriver) field(f field, r rules) (*object, error) {
	if f.quoted {
		s := newObject("type", "string")
		return s, r.apply(s)
	}
	// omitempty leaves an empty list out, and who says how long a list is says
	// that it is one.
	null := !f.omits && !r.has("minItems") && !r.has("minProperties")
	s, err := d.schema(f.typ, null)
	if err != nil {
		return nil, err
	}
	return s, r.apply(s)
}

// known are the types whose JSON is not that of their kind; nil: none of these.
func known(t reflect.Type) func() (*object, error) {
	is := func(s *object) func() (*object, error) { return func() (*object, error) { return s, nil } }
	switch {
	case t == reflect.TypeFor[time.Time]():
		return is(newObject("type", "string", "format", "date-time"))
	case t == reflect.TypeFor[json.Number]():
		return is(newObject("type", "number"))
	case t == reflect.TypeFor[json.RawMessage]():
		return is(newObject())
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return nil // what they point to is asked
	case has[Schemer](t):
		return func() (*object, error) { return ownSchema(t) }
	case has[json.Marshaler](t) || has[json.Unmarshaler](t):
		return is(newObject())
	case has[encoding.TextMarshaler](t) || has[encoding.TextUnmarshaler](t):
		return is(newObject("type", "string"))
	}
	return nil
}

// has tells whether t, or a pointer to it, has an interface's methods. It asks a
// nil pointer, which has those of both, and makes no value: that works in TinyGo
// too, and for types of any size.
func has[I any](t reflect.Type) bool {
	_, ok := reflect.Zero(reflect.PointerTo(t)).Interface().(I)
	return ok
}

func ownSchema(t reflect.Type) (s *object, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the JSONSchema method of %s panicked: %v", t, p)
		}
	}()
	schemer, ok := reflect.New(t).Interface().(Schemer)
	if !ok {
		return nil, errors.New("no schema") // has[Schemer] has said so
	}
	text := schemer.JSONSchema()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("the JSONSchema method of %s gives no JSON object: %w", t, err)
	}
	s = newObject()
	for _, key := range sortedKeys(members) {
		s.set(key, members[key])
	}
	return s, nil
}
