package schema

// The walk over objects and arrays.

import (
	"bytes"
	"slices"
)

// object looks at the object at i.
func (w *walker) object(n *node, i int) (int, finding) {
	start, rules, members := i, n.objects, 0
	var seen uint64 // of rules.noted
	i = w.space(i + 1)
	for i < len(w.b) && w.b[i] == '"' {
		end, escaped, ok := w.token(i)
		if !ok {
			return i, unknown
		}
		members++
		next := w.space(end)
		if next >= len(w.b) || w.b[next] != ':' {
			return i, unknown // no document
		}
		next = w.space(next + 1)
		var v finding
		if rules == nil {
			next, v = w.skip(next)
		} else {
			key := w.b[i+1 : end-1]
			if escaped {
				if key, ok = w.unescape(key); !ok {
					return i, unknown
				}
				key = bytes.Clone(key) // the value may have escapes, too
			}
			next, v = w.member(rules, key, i, next, &seen)
		}
		if v != valid {
			return i, v
		}
		i = w.space(next)
		if i >= len(w.b) || w.b[i] != ',' {
			break
		}
		i = w.space(i + 1)
	}
	if i >= len(w.b) || w.b[i] != '}' {
		return i, unknown // no document
	}
	if rules == nil {
		return i + 1, valid
	}
	if members < rules.from || rules.to >= 0 && members > rules.to || seen&rules.required != rules.required {
		return i, invalid
	}
	for _, d := range rules.dependent {
		if seen&d.on == 0 {
			continue
		}
		if seen&d.required != d.required {
			return i, invalid
		}
		if d.schema != nil {
			if _, v := w.value(d.schema, start); v != valid {
				return i, v
			}
		}
	}
	return i + 1, valid
}

// member looks at one member, whose key as it is written stands at name and
// whose value stands at i.
func (w *walker) member(r *objectRules, key []byte, name, i int, seen *uint64) (end int, v finding) {
	m := r.member(key)
	*seen |= m.bit
	evaluated := m.declared
	end = -1
	if m.declared {
		if end, v = w.value(m.schema, i); v != valid {
			return i, v
		}
	}
	for _, p := range r.patterns {
		if w.steps -= len(key) * p.size; w.steps < 0 {
			return i, unknown
		}
		if !p.match(key) {
			continue
		}
		evaluated = true
		if end, v = w.value(p.schema, i); v != valid {
			return i, v
		}
	}
	if !evaluated {
		if end, v = w.value(r.rest, i); v != valid {
			return i, v
		}
	}
	if r.names != nil {
		if _, v := w.value(r.names, name); v != valid {
			return i, v
		}
	}
	return end, valid
}

// member gives what is known of a name; the zero member where nothing is.
func (r *objectRules) member(name []byte) member {
	if len(r.members) > fewMembers {
		return r.members[string(name)]
	}
	for i := range r.few {
		if r.few[i].name == string(name) {
			return r.few[i].member
		}
	}
	return member{}
}

// array looks at the array at i.
func (w *walker) array(n *node, i int) (int, finding) {
	rules, items, contained := n.arrays, 0, 0
	var distinct distinct
	i = w.space(i + 1)
	for i < len(w.b) && w.b[i] != ']' {
		item := anything
		if rules != nil {
			item = rules.rest
			if items < len(rules.prefix) {
				item = rules.prefix[items]
			}
		}
		items++
		end, v := w.value(item, i)
		if v != valid {
			return i, v
		}
		if rules != nil && rules.contains != nil {
			switch _, v := w.value(rules.contains, i); v {
			case valid:
				contained++
			case unknown:
				return i, unknown
			case invalid:
			}
		}
		if rules != nil && rules.unique {
			if v := distinct.add(w.b[i:end]); v != valid {
				return i, v
			}
		}
		i = w.space(end)
		if i >= len(w.b) || w.b[i] != ',' {
			break
		}
		i = w.space(i + 1)
	}
	if i >= len(w.b) || w.b[i] != ']' {
		return i, unknown // no document
	}
	if rules != nil {
		if items < rules.from || rules.to >= 0 && items > rules.to {
			return i, invalid
		}
		if rules.contains != nil && (contained < rules.least || rules.most >= 0 && contained > rules.most) {
			return i, invalid
		}
	}
	return i + 1, valid
}

// distinct tells whether items differ, of those that can be told by their bytes:
// words, whole numbers of few digits, strings without escapes.
type distinct struct {
	few  [][]byte
	many map[string]struct{}
}

// manyItems is the number from which on they are looked up in a map.
const manyItems = 16

func (d *distinct) add(item []byte) finding {
	switch c := item[0]; {
	case c == '{' || c == '[':
		return unknown
	case c == '"':
		if slices.Contains(item, '\\') {
			return unknown
		}
	case c == '-' || c-'0' <= 9:
		for _, c := range item[1:] {
			if c-'0' > 9 {
				return unknown
			}
		}
		if string(item) == "-0" {
			return unknown
		}
	}
	if d.many == nil {
		for _, one := range d.few {
			if string(one) == string(item) {
				return invalid
			}
		}
		if d.few = append(d.few, item); len(d.few) < manyItems {
			return valid
		}
		d.many = make(map[string]struct{}, 4*manyItems)
		for _, one := range d.few {
			d.many[string(one)] = struct{}{}
		}
		return valid
	}
	if _, ok := d.many[string(item)]; ok {
		return invalid
	}
	d.many[string(item)] = struct{}{}
	return valid
}
