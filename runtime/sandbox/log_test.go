package sandbox

import (
	"strings"
	"testing"
)

// What explains an exit code or a trap is the end of stderr; of a Go panic, its
// reason and not the goroutines.
func TestLastWords(t *testing.T) {
	trace := "panic: no such film\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:7 +0x1\n"
	for name, c := range map[string]struct{ text, want string }{
		"line":         {"it broke\n", "it broke"},
		"end of much":  {strings.Repeat("x", 5000) + "\nthe end\n", "the end"},
		"panic":        {trace, "panic: no such film; at main.main (main.go:7)"},
		"long panic":   {trace + strings.Repeat("goroutine 2 [select]:\n", 500), "panic: no such film; at main.main (main.go:7)"},
		"talk of some": {"a goroutine 7 is fine\n", "a goroutine 7 is fine"},
		"fatal":        {"fatal error: all goroutines are asleep\n\nruntime stack:\nx()\n", "fatal error: all goroutines are asleep"},
	} {
		t.Run(name, func(t *testing.T) {
			whole, pieces := &logWriter{left: 1 << 20}, &logWriter{left: 1 << 20}
			whole.write(1, []byte(c.text))
			for _, b := range []byte(c.text) {
				pieces.write(1, []byte{b})
			}
			for _, w := range []*logWriter{whole, pieces} {
				if got := w.lastWords(); !strings.HasSuffix(got, c.want) || len(got) > tailBytes || strings.Contains(got, "[running]") {
					t.Errorf("%q, want the end %q", got, c.want)
				}
			}
		})
	}
}
