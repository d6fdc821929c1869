package document

// Reading one part of a document without decoding the rest.

// Found says what [Document.Peek] has found.
type Found uint8

// What there is to be found.
const (
	// Undecided: ask [Document.Value].
	Undecided Found = iota
	// Missing: what the last name is looked up in is an object and has no such member.
	Missing
	// There: it has.
	There
)

// peekBytes is what is looked at in a small document before it is decoded as a whole,
// however often that is.
const peekBytes = 4 << 10

// Peek gives the member that is reached by one name after another, as it is in
// [Document.Value], and decodes nothing else. Nobody may modify it. It is undecided where
// one of the names before the last leads nowhere, and where so much of the document has
// been looked at already that it is better decoded once.
func (d Document) Peek(names ...string) (any, Found) {
	if d.s == nil || d.s.peeked.Load() > int64(peekBytes+2*len(d.s.b)) {
		return nil, Undecided
	}
	b, i, end := d.s.b, 0, len(d.s.b)
	for n, name := range names {
		if b[i] != '{' {
			return nil, Undecided
		}
		from, to, found := memberAt(b, i, name)
		d.s.peeked.Add(int64(to - i))
		switch {
		case !found && n == len(names)-1:
			return nil, Missing
		case !found:
			return nil, Undecided
		}
		i, end = from, to
	}
	c := decoder{b: b[i:end], text: string(b[i:end])}
	v, size := c.value(0, 0)
	if c.bad || size != end-i {
		return nil, Undecided // it is not JSON: Value says so
	}
	d.s.peeked.Add(int64(end - i))
	return v, There
}

// memberAt finds the value of a member of the object at i; else to is the object's end.
func memberAt(b []byte, i int, name string) (from, to int, found bool) {
	for i = skipSpace(b, i+1); i < len(b) && b[i] == '"'; {
		end, escaped := stringEnd(b, i)
		found = string(content(b, i, end, escaped)) == name
		i = skipPast(b, end, ':')
		end = valueEnd(b, i)
		if found {
			return i, end, i < len(b)
		}
		i = skipPast(b, end, ',')
	}
	return i, i, false
}
