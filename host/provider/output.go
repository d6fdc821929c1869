package provider

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

const (
	lineBytes   = 4 << 10 // what is longer is cut
	lastLines   = 8       // kept for error texts,
	lastBytes   = 1 << 10 // together no more than this
	hiddenBytes = 8       // shorter secrets are words that stand anywhere
	maxHidden   = 256
	stackLines  = 500
	perSecond   = 200 // lines to the log; what is more is counted
	burst       = 2000
)

// output takes what a provider writes: to the log, and the last of it into the
// text of errors. It never keeps the provider waiting. Safe for concurrent use.
type output struct {
	logger *slog.Logger
	rate   *rate.Limiter

	mu      sync.Mutex
	lines   []string
	stack   int // lines to come that are a panic's stack
	dropped int
	hidden  []string
	hiding  *strings.Replacer
}

func newOutput(l *slog.Logger) *output {
	return &output{logger: l, rate: rate.NewLimiter(perSecond, burst)}
}

// hide keeps the values of secrets, which the provider was given, out of what
// it writes. The graphs that share a process have no secrets in common, and the
// log belongs to none of them.
func (o *output) hide(values []string) {
	if len(values) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range values {
		if len(v) < hiddenBytes || slices.Contains(o.hidden, v) {
			continue
		}
		if len(o.hidden) == maxHidden {
			o.hidden = o.hidden[1:]
		}
		o.hidden = append(o.hidden, v)
		var pairs []string
		for _, h := range o.hidden {
			pairs = append(pairs, h, "[secret]")
		}
		o.hiding = strings.NewReplacer(pairs...)
	}
}

// stream gives one of the provider's streams; several are cut into lines apart.
func (o *output) stream() io.Writer { return &lines{to: o.line} }

func (o *output) line(text string) {
	o.mu.Lock()
	if o.hiding != nil {
		text = o.hiding.Replace(text)
	}
	text = printable(text, lineBytes)
	if strings.TrimSpace(text) == "" {
		o.mu.Unlock()
		return
	}
	o.keep(text)
	var dropped int
	log := o.rate.Allow()
	if log {
		dropped, o.dropped = o.dropped, 0
	} else {
		o.dropped++
	}
	o.mu.Unlock()
	if dropped > 0 {
		o.logger.Warn("provider wrote more than is logged", slog.Int("lines", dropped))
	}
	if log {
		o.logger.LogAttrs(context.Background(), slog.LevelInfo, text)
	}
}

// keep remembers a line among the last. Of a program that panics (Go) or throws
// (JavaScript) the first line says why, and what follows is where: that is for
// the log alone.
func (o *output) keep(text string) {
	if o.stack > 0 {
		o.stack--
		return
	}
	if strings.HasPrefix(strings.TrimLeft(text, " "), "at ") {
		return
	}
	if len(o.lines) == lastLines {
		o.lines = slices.Delete(o.lines, 0, 1)
	}
	o.lines = append(o.lines, text)
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		o.stack = stackLines
	}
}

// last is the end of what was written, to be put at the end of an error's text.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := strings.Join(o.lines, " ⏎ ")
	if text == "" {
		return ""
	}
	if len(text) > lastBytes {
		text = "…" + strings.ToValidUTF8(text[len(text)-lastBytes:], "")
	}
	return "; its last output: " + text
}

// lines cuts a stream into lines, long ones into pieces that are dropped but for
// the first.
type lines struct {
	to   func(string)
	rest []byte
	long bool // the line that goes on was handed over already
}

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		piece, after, whole := bytes.Cut(b, []byte{'\n'})
		if room := lineBytes - len(l.rest); len(piece) > room {
			piece = piece[:room]
		}
		if !l.long {
			l.rest = append(l.rest, piece...)
		}
		if whole || len(l.rest) == lineBytes {
			if !l.long {
				l.to(string(l.rest))
			}
			l.long = !whole
			l.rest = l.rest[:0]
		}
		b = after
	}
	return n, nil
}

// printable makes what another program said safe to be shown: one line, no
// control characters, at most limit bytes.
func printable(s string, limit int) string {
	if len(s) <= limit && plain(s) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		switch {
		case out.Len()+utf8.RuneLen(max(r, 0)) > limit:
			return out.String() + "…"
		case r == '\n' || r == '\r' || r == '\t':
			out.WriteByte(' ')
		case r == utf8.RuneError || !unicode.IsPrint(r):
			out.WriteRune('\uFFFD')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// line is a provider's text for people.
func line(s string) string { return printable(s, lineBytes) }

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
