// JSON objects whose members stay in the order in which they were set.

package node

import (
	"encoding/json"
	"slices"
	"strconv"
)

// An object is a JSON object that is being made. A value is a string, a number,
// a bool, nil, an *object, a list of such values or JSON as it is.
type object struct{ members []member }

type member struct {
	key   string
	value any
}

// newObject makes an object of keys and values in turn.
func newObject(members ...any) *object {
	o := &object{}
	for i := 0; i+1 < len(members); i += 2 {
		if key, ok := members[i].(string); ok {
			o.set(key, members[i+1])
		}
	}
	return o
}

func (o *object) get(key string) (any, bool) {
	for _, m := range o.members {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

func (o *object) set(key string, value any) {
	for i := range o.members {
		if o.members[i].key == key {
			o.members[i].value = value
			return
		}
	}
	o.members = append(o.members, member{key, value})
}

// add appends to the list that is key's value.
func (o *object) add(key string, value any) {
	v, _ := o.get(key)
	list, _ := v.([]any)
	o.set(key, append(list, value))
}

// typeName is the schema's type, null aside; "" where it has none.
func (o *object) typeName() string {
	t, _ := o.get("type")
	if list, ok := t.([]any); ok {
		t = list[0]
	}
	name, _ := t.(string)
	return name
}

// takesNull tells whether the schema was made by orNull.
func (o *object) takesNull() bool {
	t, _ := o.get("type")
	_, list := t.([]any)
	_, either := o.get("anyOf")
	return list || either
}

// orNull is the schema of what o describes, or null.
func (o *object) orNull() *object {
	if len(o.members) == 0 || o.takesNull() {
		return o
	}
	if t := o.typeName(); t != "" {
		o.set("type", []any{t, "null"})
		return o
	}
	return newObject("anyOf", []any{o, newObject("type", "null")})
}

func (o *object) appendTo(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendValue(b, m.key), ':')
		b = appendValue(b, m.value)
	}
	return append(b, '}')
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case *object:
		return v.appendTo(b)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, item)
		}
		return append(b, ']')
	case json.RawMessage:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		text, err := encode(v)
		if err != nil { // a string always encodes
			panic(err)
		}
		return append(b, text...)
	default:
		return append(b, "null"...)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
