package kv

import (
	"context"
	"slices"

	"github.com/chainrun/chainrun/host/document"
)

// list gives the keys that are granted, in order.
func (s *session) list(ctx context.Context, r request, g grant) (document.Document, error) {
	var entries []document.Document
	bytes, more := 0, false
	for _, part := range g.parts(r.prefix) {
		for from := max(part.lo, behind(r.after)); from < part.hi && !more; {
			until, err := s.view.fill(ctx, part.prefix, from, part.hi)
			if err != nil {
				return document.Document{}, err
			}
			for _, key := range s.between(from, until) {
				value, err := s.get(ctx, key)
				if err != nil {
					return document.Document{}, err
				}
				if r.keysOnly {
					value = document.Document{}
				}
				n := len(key) + len(value.Bytes())
				if len(entries) >= r.limit || len(entries) > 0 && bytes+n > MaxListBytes {
					more = true
					break
				}
				bytes += n
				entries = append(entries, document.Object(
					document.Field{Key: "key", Value: document.String(key)}, document.Field{Key: "value", Value: value}))
			}
			from = until
		}
	}
	return document.Object(
		document.Field{Key: "entries", Value: document.Array(entries...)},
		document.Field{Key: "more", Value: document.Bool(more)}), nil
}

// between gives the keys from a place up to another, with the attempt's writes.
func (s *session) between(from, until string) []string {
	keys := slices.Clone(s.view.between(from, until))
	for key := range s.writes {
		if key >= from && key < until {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return slices.DeleteFunc(keys, func(key string) bool {
		d, written := s.writes[key]
		return written && d.IsZero()
	})
}
