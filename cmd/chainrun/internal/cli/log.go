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
	place := func(a slog.Attr) bool {
		switch a.Key {
		case "step":
			step = a.Value.String() + ": "
		case "attempt":
		default:
			show(&rest, a)
		}
		return true
	}
	for _, a := range l.attrs {
		place(a)
	}
	r.Attrs(place)
	level := ""
	if r.Level != slog.LevelInfo {
		level = strings.ToLower(r.Level.String()) + ": "
	}
	l.to.line(indented(step + level + strings.TrimRight(r.Message, "\n") + rest.String()))
	return nil
}

// show writes " key=value"; of a group, each of its members.
func show(b *strings.Builder, a slog.Attr) {
	if a.Value.Kind() == slog.KindGroup {
		for _, member := range a.Value.Group() {
			show(b, member)
		}
		return
	}
	fmt.Fprintf(b, " %s=%s", a.Key, a.Value)
}

// WithAttrs implements slog.Handler.
func (l *nodeLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *l
	c.attrs = append(slices.Clip(c.attrs), attrs...)
	return &c
}

// WithGroup implements slog.Handler; groups are not shown.
func (l *nodeLog) WithGroup(string) slog.Handler { return l }
