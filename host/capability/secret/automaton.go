package secret

// An automaton finds any of a set of needles in a text, in time linear in the
// text whatever the needles are (Aho and Corasick). Needles are long chains with
// few branches, so a node keeps its children in a list; only the root, where
// nearly all texts are nearly always, has a table.
type automaton struct {
	fold  *folding
	nodes []node
	root  [256]int32 // by byte, not folded
	cut   int32      // so much of a needle is a secret where "…" is behind it
	head  bool       // one unit before a match may belong to it, see [needle.head]
}

type node struct {
	first, next int32 // child, sibling
	fail        int32 // the longest proper suffix that is a prefix of a needle
	depth       int32
	found       int32 // the longest needle that ends here; -1
	needle      int32 // one that is on its way here
	char        byte
	tail        bool // a needle that ends here has a tail
}

// needle is a form of a secret as it stands in a text, folded.
type needle struct {
	secret int32
	size   int32
	// head and tail say that the unit before or after carries some bits of the
	// secret too, and some of its neighbour: of base64 inside base64.
	head, tail bool
}

// folding maps the bytes of a text to what needles are made of.
type folding [256]int16

// What a folding gives beside bytes.
const (
	skipped  int16 = -1 // as if it were not there
	breaking int16 = -2 // no needle has it
)

// plainFolding is for texts: "+" is a space, as in queries, and all line breaks
// are LF.
var plainFolding = func() (f folding) {
	for i := range f {
		f[i] = int16(i)
	}
	f['+'] = ' '
	f['\r'] = skipped
	return f
}()

// codeFolding is for base64: both alphabets are one, lines may be wrapped.
var codeFolding = func() (f folding) {
	for i := range f {
		f[i] = breaking
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		f[c] = int16(c)
	}
	f['-'], f['_'] = '+', '/'
	for _, c := range "\r\n\t " {
		f[c] = skipped
	}
	return f
}()

func (f *folding) apply(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := f[s[i]]; c >= 0 {
			out = append(out, byte(c))
		}
	}
	return out
}

func newAutomaton(f *folding) *automaton {
	return &automaton{fold: f, nodes: []node{{found: -1}}}
}

// add puts a folded text in; false: it was there, of another secret or form.
func (a *automaton) add(text []byte, index int32, tail bool) bool {
	at := int32(0)
	for _, c := range text {
		child := a.child(at, c)
		if child == 0 {
			child = int32(len(a.nodes))
			a.nodes = append(a.nodes, node{char: c, next: a.nodes[at].first, depth: a.nodes[at].depth + 1, found: -1, needle: index})
			a.nodes[at].first = child
		}
		at = child
	}
	n := &a.nodes[at]
	n.tail = n.tail || tail
	if at == 0 || n.found >= 0 {
		return false
	}
	n.found = index
	return true
}

func (a *automaton) child(at int32, c byte) int32 {
	for child := a.nodes[at].first; child != 0; child = a.nodes[child].next {
		if a.nodes[child].char == c {
			return child
		}
	}
	return 0
}

// finish links the nodes, in order of their depth.
func (a *automaton) finish() {
	for c := range a.root {
		if folded := a.fold[c]; folded >= 0 {
			a.root[c] = a.child(0, byte(folded))
		}
	}
	queue := make([]int32, 1, len(a.nodes))
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		for child := a.nodes[at].first; child != 0; child = a.nodes[child].next {
			queue = append(queue, child)
			n := &a.nodes[child]
			if at != 0 {
				n.fail = a.step(a.nodes[at].fail, n.char)
			}
			n.tail = n.tail || a.nodes[n.fail].tail
			if n.found < 0 {
				n.found = a.nodes[n.fail].found
			}
		}
	}
}

// step is the state after a folded byte.
func (a *automaton) step(at int32, c byte) int32 {
	for at != 0 {
		if child := a.child(at, c); child != 0 {
			return child
		}
		at = a.nodes[at].fail
	}
	return a.root[c]
}

// stands says whether any needle is in a text as it is.
func stands[T string | []byte](a *automaton, s T) bool {
	at := int32(0)
	for i := range len(s) {
		b := s[i]
		if at == 0 {
			at = a.root[b]
		} else {
			switch c := a.fold[b]; c {
			case skipped:
				continue
			case breaking:
				at = 0
				continue
			default:
				at = a.step(at, byte(c))
			}
		}
		// A root's child is never the end of a needle: they are longer than a byte.
		if at != 0 && a.nodes[at].found >= 0 {
			return true
		}
	}
	return false
}
