package cli

import (
	"log/slog"
	"testing"

	"github.com/chainrun/chainrun/host/event"
)

// lines is a progress that keeps what it is told.
type lines struct{ text string }

func (l *lines) event(event.Event)     {}
func (l *lines) past(event.Event)      {}
func (l *lines) partial(event.Partial) {}
func (l *lines) line(text string)      { l.text += text + "\n" }
func (l *lines) close()                {}

// What a node logs can neither steer the terminal nor pass for another step's
// line.
func TestNodeLogIsAStrangers(t *testing.T) {
	var got lines
	l := slog.New(&nodeLog{to: &got}).With("step", "score", "attempt", 1)
	for _, c := range []struct{ message, key, value, want string }{
		{"rows", "n", "3", "score: rows n=3\n"},
		{"a\n", "n", "3", "score: a n=3\n"},
		{"\x1b[31mred\u009b0m\r", "k", "v", "score: ·[31mred·0m· k=v\n"},
		{"x\nreport: done", "k", "v", "score: x\n    report: done k=v\n"},
		{"x", "k\x1b]0;title\a", "\u202egro\xff", "score: x k·]0;title·=·gro\uFFFD\n"},
		{"x", "step", "report", "score: x step=report\n"},
	} {
		got.text = ""
		l.Info(c.message, slog.GroupAttrs("attrs", slog.String(c.key, c.value)))
		if got.text != c.want {
			t.Errorf("%q %q=%q: got %q, want %q", c.message, c.key, c.value, got.text, c.want)
		}
	}
}
