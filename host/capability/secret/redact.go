package secret

import (
	"strings"

	"github.com/chainrun/chainrun/host/failure"
)

// Redactor takes secrets out of what leaves the host. A nil Redactor has nothing
// to take out. Read-only and safe for concurrent use.
type Redactor struct {
	forms
	replacements []string // by secret
}

// Redact makes the redactor of all values of some sets; nil where none of them is
// long enough to be redacted. Of equal values the first one's name is shown.
func Redact(sets ...*Set) *Redactor {
	r := &Redactor{forms: forms{plain: newAutomaton(&plainFolding), code: newAutomaton(&codeFolding)}}
	r.plain.cut, r.code.cut = MinRedacted, (8*MinRedacted+5)/6
	r.code.head = true
	seen := map[string]bool{}
	for _, s := range sets {
		if s == nil {
			continue
		}
		for _, n := range s.order {
			if len(strings.TrimSpace(n.value)) < MinRedacted || seen[n.value] {
				continue
			}
			seen[n.value] = true
			r.add(int32(len(r.replacements)), n.value)
			r.replacements = append(r.replacements, "[secret:"+n.name+"]")
		}
	}
	if len(r.replacements) == 0 {
		return nil
	}
	r.plain.finish()
	r.code.finish()
	// What stands in a secret's place must not give away another one, nor itself.
	for i, text := range r.replacements {
		for _, other := range []string{text, "[secret]", "***"} {
			r.replacements[i] = other
			if !r.in(other) {
				break
			}
		}
	}
	return r
}

// in says whether there is anything to redact in a text.
func (r *Redactor) in(s string) bool { return holds(r, s) }

// holds says whether there is a secret in a text.
func holds[T string | []byte](r *Redactor, s T) bool {
	if !escaped(s) {
		return stands(r.plain, s) || stands(r.code, s)
	}
	scan := newScan(r)
	for i := 0; i < len(s) && len(scan.found) == 0; i++ {
		scan.take(&scan.root, unit{c: s[i], start: int64(i), end: int64(i) + 1})
	}
	scan.flush()
	return len(scan.found) > 0
}

// escaped says whether a text may have escapes, or was cut.
func escaped[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case marks[0]:
			return true
		case ellipsis[0]:
			if i+2 < len(s) && s[i+1] == ellipsis[1] && s[i+2] == ellipsis[2] {
				return true
			}
		case marks[1]:
			if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
				return true
			}
		}
	}
	return false
}

// Text puts [secret:NAME] in the place of each secret.
func (r *Redactor) Text(s string) string {
	if r == nil || !r.in(s) {
		return s
	}
	stream := r.Stream()
	return stream.Write(s) + stream.Flush()
}

// Failure redacts the message, the reason and the violations. f stays as it is;
// where there is nothing to redact it is what is returned.
func (r *Redactor) Failure(f *failure.Failure) *failure.Failure {
	if r == nil || f == nil {
		return f
	}
	clean := *f
	clean.Reason, clean.Message = r.Text(f.Reason), r.Text(f.Message)
	changed := clean.Reason != f.Reason || clean.Message != f.Message
	for i, v := range f.Violations {
		redacted := failure.Violation{
			Pointer: r.pointer(v.Pointer), Keyword: v.Keyword,
			Message: r.Text(v.Message), Found: r.Text(v.Found),
		}
		if redacted == v {
			continue
		}
		if !changed || &clean.Violations[0] == &f.Violations[0] {
			clean.Violations = append([]failure.Violation(nil), f.Violations...)
		}
		clean.Violations[i], changed = redacted, true
	}
	if !changed {
		return f
	}
	return &clean
}
