package simulate

// Small things about texts and documents.

import (
	"hash/fnv"
	"iter"
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // a hash takes everything
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// lastTurn is the turn of the innermost loop that a step's id names; 0: none.
func lastTurn(step string) int {
	step, _, _ = strings.Cut(step[strings.LastIndexByte(step, '/')+1:], "#")
	open := strings.LastIndexByte(step, '[')
	if open < 0 || !strings.HasSuffix(step, "]") {
		return 0
	}
	turns := strings.Split(step[open+1:len(step)-1], ".")
	n, err := strconv.Atoi(turns[len(turns)-1])
	if err != nil {
		return 0
	}
	return n
}

// nodeOf is the name of the node that a step is of.
func nodeOf(step string) string {
	name, _, _ := strings.Cut(step[strings.LastIndexByte(step, '/')+1:], "#")
	name, _, _ = strings.Cut(name, "[")
	return name
}

// elementsOf gives the elements of a foreach that a step is, or is inside of, each
// with the step that it is an element of.
func elementsOf(step string) iter.Seq2[string, string] {
	return func(yield func(of, element string) bool) {
		for i := range step {
			if step[i] != '#' {
				continue
			}
			number, _, _ := strings.Cut(step[i:], "/")
			if !yield(step[:i], step[:i]+number) {
				return
			}
		}
	}
}

// worded leaves the messages of failures out of a document: how they are worded
// is not part of what a graph means.
func worded(d document.Document) document.Document {
	if d.IsZero() || !strings.Contains(d.String(), `"violations"`) {
		return d
	}
	value, err := d.Value()
	if err != nil {
		return d
	}
	plain, err := document.FromValue(silent(value))
	if err != nil {
		return d
	}
	return plain
}

func silent(value any) any {
	switch v := value.(type) {
	case map[string]any:
		_, failed := v["violations"]
		plain := map[string]any{}
		for k, inner := range v {
			if !failed || k != "message" {
				plain[k] = silent(inner)
			}
		}
		return plain
	case []any:
		plain := make([]any, len(v))
		for i, inner := range v {
			plain[i] = silent(inner)
		}
		return plain
	}
	return value
}
