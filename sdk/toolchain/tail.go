// The end of what a tool says.

package toolchain

import "unicode/utf8"

// maxSaidBytes is how much of a tool's output is kept for an error.
const maxSaidBytes = 64 << 10

// tail keeps the end of what is written to it, at most maxSaidBytes.
type tail struct {
	kept []byte
	cut  bool
}

// Write implements [io.Writer]. It never fails.
func (t *tail) Write(said []byte) (int, error) {
	n := len(said)
	if n > maxSaidBytes {
		said, t.cut = said[n-maxSaidBytes:], true
	}
	if over := len(t.kept) + len(said) - maxSaidBytes; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	t.kept = append(t.kept, said...)
	return n, nil
}

func (t *tail) String() string {
	kept := t.kept
	if !t.cut {
		return string(kept)
	}
	for len(kept) > 0 && !utf8.RuneStart(kept[0]) {
		kept = kept[1:]
	}
	return "…" + string(kept)
}
