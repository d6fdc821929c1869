package secret

import (
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// Document puts [secret:NAME] in the place of each secret in the strings of d and
// in its keys, as they are when decoded. Numbers, and whatever has no secret in
// it, stay byte for byte; where there is nothing to redact d itself is returned.
// Keys that become the same by it are told apart by " (2)", " (3)".
func (r *Redactor) Document(d document.Document) document.Document {
	// What is in a string is in the text of the document with its escapes undone.
	if r == nil || d.IsZero() || !holds(r, unescape(d.Bytes())) {
		return d
	}
	w := rewriter{redactor: r, in: d.Bytes()}
	w.rewrite()
	if !w.changed {
		return d
	}
	return document.Trusted(w.out)
}

// rewriter copies a document with other strings. The text is known to be JSON.
type rewriter struct {
	redactor *Redactor
	in, out  []byte
	changed  bool
	open     []level
}

// level is an array or object that the rewriter is inside of.
type level struct {
	keys map[string]int // of an object: how often a key was wanted
	key  bool           // what comes next is a key
}

func (w *rewriter) rewrite() {
	for i := 0; i < len(w.in); {
		c := w.in[i]
		if c == '"' {
			i = w.str(i)
			continue
		}
		top := len(w.open) - 1
		switch c {
		case '{':
			w.open = append(w.open, level{keys: map[string]int{}, key: true})
		case '[':
			w.open = append(w.open, level{})
		case '}', ']':
			w.open = w.open[:top]
		case ',':
			w.open[top].key = w.open[top].keys != nil
		case ':':
			w.open[top].key = false
		default:
		}
		w.out = append(w.out, c)
		i++
	}
}

// str copies the string at i and gives the place behind it.
func (w *rewriter) str(i int) int {
	end := i + 1
	for w.in[end] != '"' {
		if w.in[end] == '\\' {
			end++
		}
		end++
	}
	end++
	before := text(document.Trusted(w.in[i:end]))
	after := w.redactor.Text(before)
	if top := len(w.open) - 1; top >= 0 && w.open[top].key {
		after = w.open[top].unique(after)
	}
	if after == before {
		w.out = append(w.out, w.in[i:end]...)
		return end
	}
	w.changed = true
	w.out = append(w.out, document.String(after).Bytes()...)
	return end
}

// unique is the key, or one like it that the object does not have yet.
func (l *level) unique(key string) string {
	for one := key; ; {
		l.keys[key]++
		if n := l.keys[key]; n > 1 {
			one = key + " (" + strconv.Itoa(n) + ")"
			if l.keys[one] > 0 {
				continue
			}
			l.keys[one] = 1
		}
		return one
	}
}

// pointer redacts the keys in a JSON Pointer.
func (r *Redactor) pointer(p string) string {
	if !strings.Contains(p, "~") {
		return r.Text(p)
	}
	tokens := strings.Split(p, "/")
	for i, token := range tokens {
		plain := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if clean := r.Text(plain); clean != plain {
			tokens[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(clean)
		}
	}
	return strings.Join(tokens, "/")
}
