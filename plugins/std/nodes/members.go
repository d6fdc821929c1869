package nodes

// Documents whose order matters: encoding/json forgets that of an object.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
)

// member is an element of a list, or a field of an object.
type member struct {
	key   string // "" in a list
	value json.RawMessage
}

// members gives what is in a list ('[') or an object ('{'), in order.
func members(doc json.RawMessage, of json.Delim) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	first, err := d.Token()
	if err != nil {
		return nil, err
	}
	if first != of {
		return nil, fmt.Errorf("found %s", kindOf(first))
	}
	var list []member
	for d.More() {
		var m member
		if of == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			m.key, _ = key.(string)
		}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	_, err = d.Token()
	return list, err
}

func kindOf(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "a list"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case nil:
		return "null"
	}
	return "a number"
}

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
