package graphfile

// Values that are handed on: documents, schemas, lists of tables.

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
)

// value reads any value as a document.
func (t *table) value(key string) graph.Value {
	i, ok := t.take(key)
	if !ok {
		return graph.Value{}
	}
	return t.r.placed(i, t.label+key)
}

func (r *reader) value(i item, label string) graph.Value {
	before := len(r.found)
	d := r.document(i, label)
	if len(r.found) > before {
		return graph.Value{At: r.valueAt(i)}
	}
	return graph.Value{Document: d, At: r.valueAt(i)}
}

// document converts a value, with keys in the order of the file. Its depth is
// bounded by that of the file.
func (r *reader) document(i item, label string) document.Document {
	switch v := i.value.(type) {
	case map[string]any:
		t := &table{r: r, values: v, place: i.place}
		fields := make([]document.Field, 0, len(v))
		for _, name := range t.names() {
			fields = append(fields, document.Field{Key: name, Value: r.document(t.item(name), deeper(label, "."+printable(name)))})
		}
		return document.Object(fields...)
	case []any:
		items := make([]document.Document, len(v))
		for n := range v {
			items[n] = r.document(item{v[n], i.place.item(n)}, deeper(label, "["+strconv.Itoa(n)+"]"))
		}
		return document.Array(items...)
	case []map[string]any:
		items := make([]document.Document, len(v))
		for n := range v {
			items[n] = r.document(item{v[n], i.place.item(n)}, deeper(label, "["+strconv.Itoa(n)+"]"))
		}
		return document.Array(items...)
	case time.Time:
		r.wrong(i, label, "a JSON value", `JSON has no dates: write it in quotes`)
		return document.Null()
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.wrong(i, label, "a JSON value", "JSON has no such number")
			return document.Null()
		}
	}
	d, err := document.FromValue(i.value)
	if err != nil {
		r.wrong(i, label, "a JSON value", err.Error())
		return document.Null()
	}
	return d
}

// maxLabelBytes bounds how a value deep inside is named in a complaint.
const maxLabelBytes = 512

// deeper names a value inside another one.
func deeper(label, inside string) string {
	if len(label)+len(inside) <= maxLabelBytes {
		return label + inside
	}
	if strings.HasSuffix(label, "…") {
		return label
	}
	return label + "…"
}

// schema reads a schema: a file's name, or the schema itself.
func (t *table) schema(key string) graph.SchemaSource {
	i, ok := t.take(key)
	if !ok {
		return graph.SchemaSource{}
	}
	switch v := i.value.(type) {
	case string:
		if v == "" {
			at := t.r.valueAt(i)
			t.r.complain(spot{at.Line, at.Column}, graph.CodeBadValue, t.label+key+": the file's name is empty", "leave the key out")
			return graph.SchemaSource{}
		}
		t.written(key, i)
		return graph.SchemaSource{File: v, At: t.r.valueAt(i)}
	case map[string]any, bool:
		t.written(key, i)
		s := graph.SchemaSource{Inline: t.r.value(i, t.label+key), At: t.r.valueAt(i)}
		t.r.note(&s.Inline, i)
		return s
	}
	t.r.wrong(i, t.label+key, "a file's name or a table with the schema", "")
	return graph.SchemaSource{}
}

var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")

// placed reads a value together with the places of everything in it.
func (r *reader) placed(i item, label string) graph.Value {
	v := r.value(i, label)
	if !v.Document.IsZero() {
		r.note(&v, i)
	}
	return v
}

// maxPlacesBytes bounds the places that are kept: a pointer repeats the keys
// around it, so that they could be far larger than the file. What is beyond has
// the place of what is around it.
const maxPlacesBytes = 16 << 20

// placeBytes is about what a place takes beside its pointer.
const placeBytes = 64

// note keeps where an item's values and keys stand.
func (r *reader) note(v *graph.Value, i item) {
	v.Places, v.Keys = graph.Positions{}, graph.Positions{}
	r.places(v, "", i.place)
}

// places notes where the values of an item stand, by JSON Pointer.
func (r *reader) places(into *graph.Value, pointer string, p *place) {
	if r.placesBytes += len(pointer) + placeBytes; p == nil || r.placesBytes > maxPlacesBytes {
		return
	}
	into.Places[pointer] = r.position(p.value)
	for _, name := range p.names {
		c := p.children[name]
		if c == nil {
			continue
		}
		if r.placesBytes > maxPlacesBytes {
			return // before a pointer is made that nobody keeps
		}
		inner := pointer + "/" + pointerToken.Replace(name)
		into.Keys[inner] = r.position(c.key)
		r.places(into, inner, c)
	}
	for n, c := range p.items {
		if r.placesBytes > maxPlacesBytes {
			return
		}
		r.places(into, pointer+"/"+strconv.Itoa(n), c)
	}
}

// list gives the elements of an array of tables, or of an array.
func (r *reader) list(i item, label, hint string) ([]item, bool) {
	var list []item
	switch v := i.value.(type) {
	case []map[string]any:
		for n := range v {
			list = append(list, item{v[n], i.place.item(n)})
		}
	case []any:
		for n := range v {
			list = append(list, item{v[n], i.place.item(n)})
		}
	default:
		r.wrong(i, label, "a list of tables", hint)
		return nil, false
	}
	return list, true
}
