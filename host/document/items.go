package document

// Taking a document apart by one level, without decoding it.

import (
	"iter"
	"slices"
)

// All gives the elements of an array, one after another, as they are written;
// nothing for everything else.
func (d Document) All() iter.Seq[Document] {
	return func(yield func(Document) bool) {
		if d.Kind() != KindArray {
			return
		}
		b := d.Bytes()
		for i := skipSpace(b, 1); i < len(b) && b[i] != ']'; {
			end := valueEnd(b, i)
			if !yield(Trusted(b[i:end:end])) {
				return
			}
			i = skipPast(b, end, ',')
		}
	}
}

// Items are the elements of an array, as they are written; nil for everything
// else.
func (d Document) Items() []Document {
	if d.Kind() != KindArray {
		return nil
	}
	return slices.AppendSeq([]Document{}, d.All())
}

// Fields are the members of an object, in their order, the values as they are
// written; nil for everything else.
func (d Document) Fields() []Field {
	if d.Kind() != KindObject {
		return nil
	}
	b := d.Bytes()
	list := []Field{}
	for i := skipSpace(b, 1); i < len(b) && b[i] == '"'; {
		end, escaped := stringEnd(b, i)
		key := string(content(b, i, end, escaped))
		i = skipPast(b, end, ':')
		end = valueEnd(b, i)
		list = append(list, Field{Key: key, Value: Trusted(b[i:end:end])})
		i = skipPast(b, end, ',')
	}
	return list
}

// valueEnd gives where the value at i ends: always behind i, unless the text
// ends there.
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i, _ = stringEnd(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
		default:
			i = scalarEnd(b, i)
		}
		if depth <= 0 {
			return i
		}
	}
	return len(b)
}
