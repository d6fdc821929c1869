package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// levelOff is above everything that is logged.
const levelOff = slog.Level(1 << 10)

func parseLevel(name string) (slog.Level, error) {
	if name == "off" {
		return levelOff, nil
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return 0, usagef("--log %q: expected debug, info, warn, error or off", name)
	}
	return l, nil
}

// nodeLog shows what nodes log as lines of the progress: "step: message key=value".
type nodeLog struct {
	level slog.Level
	to    progress
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (l *nodeLog) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// Handle implements slog.Handler.
func (l *nodeLog) Handle(_ context.Context, r slog.Record) error {
	var step string
	var rest strings.Builder
	show := func(a slog.Attr) bool {
		if a.Key == "step" {
			step = a.Value.String() + ": "
		} else if a.Key != "attempt" {
			fmt.Fprintf(&rest, " %s=%s", a.Key, printable(a.Value.String()))
		}
		return true
	}
	for _, a := range l.attrs {
		show(a)
	}
	r.Attrs(show)
	level := ""
	if r.Level != slog.LevelInfo {
		level = strings.ToLower(r.Level.String()) + ": "
	}
	l.to.line(step + level + printable(r.Message) + rest.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (l *nodeLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *l
	c.attrs = append(slices.Clip(c.attrs), attrs...)
	return &c
}

// WithGroup implements slog.Handler; groups are not shown.
func (l *nodeLog) WithGroup(string) slog.Handler { return l }

// printable keeps a node from steering the terminal: control characters become
// visible, lines stay lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0):
			return '·'
		}
		return r
	}, s)
}
