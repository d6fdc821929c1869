package journal

// What runs keep beyond their end.

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

// Values is a journal that keeps values beyond the runs that stored them: those
// of event.AttemptSucceeded.Stored. It applies them in the same atomic append
// that makes their event durable, in the order of the events and of each list;
// of two writes of one key the later holds. So a value is there exactly if the
// success of the step that stored it is. Safe for concurrent use.
//
// A space is a set of keys that belong together; it is there as soon as it has
// one. A space and a key are any text that is not empty. What is not there is no
// error: the errors are that the store cannot be read, or that ctx is done.
type Values interface {
	Journal

	// Value gives the value of a key, as it was stored, byte for byte; the absent
	// document where there is none.
	Value(ctx context.Context, space, key string) (document.Document, error)

	// Values gives the keys of a space that begin with prefix and are greater
	// than after (which need not be there), with their values: sorted by the
	// bytes of the key, at most limit of them, all as of one moment. To read on,
	// pass the last key that came as after; "" is before all. A limit of less
	// than 1 gives none.
	Values(ctx context.Context, space, prefix, after string, limit int) ([]Entry, error)

	// Size gives the number of keys in a space, and the bytes of its keys and
	// values together.
	Size(ctx context.Context, space string) (keys int, bytes int64, err error)
}

// Entry is a key with its value. It is an alias so that capability kv, which
// knows no journal, can ask for one with the same methods.
type Entry = document.Field

// Stored gives what the events of one append leave of each key: the last write
// of it, sorted by space and key. A value that is absent deletes its key.
func Stored(events []event.Event) []event.Stored {
	type name struct{ space, key string }
	var last map[name]document.Document
	for _, e := range events {
		done, ok := e.Body.(event.AttemptSucceeded)
		if !ok {
			continue
		}
		for _, s := range done.Stored {
			if last == nil {
				last = map[name]document.Document{}
			}
			last[name{s.Space, s.Key}] = s.Value
		}
	}
	if last == nil {
		return nil // nearly always
	}
	names := slices.SortedFunc(maps.Keys(last), func(a, b name) int {
		if c := strings.Compare(a.space, b.space); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	list := make([]event.Stored, len(names))
	for i, n := range names {
		list[i] = event.Stored{Space: n.space, Key: n.key, Value: last[n]}
	}
	return list
}
