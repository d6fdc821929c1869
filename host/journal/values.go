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
// that makes their event durable, in the order of the events and of each list, as
// event.Stored.Upon says: of two values for one key the later holds, and an
// addition is added to what is there at that moment, whoever stored it. So a value
// is there exactly if the success of the step that stored it is. Safe for
// concurrent use.
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

// Stored gives what the events of one append do to each key, sorted by space and
// key: one value, with what was added to it afterwards in it (an absent one deletes
// the key), or, where none was stored, the additions to what is there, in their
// order. Each is to be stored as event.Stored.Upon says.
func Stored(events []event.Event) []event.Stored {
	type name struct{ space, key string }
	var left map[name][]event.Stored
	for _, e := range events {
		done, ok := e.Body.(event.AttemptSucceeded)
		if !ok {
			continue
		}
		for _, s := range done.Stored {
			if left == nil {
				left = map[name][]event.Stored{}
			}
			n := name{s.Space, s.Key}
			switch before := left[n]; {
			case s.Add.IsZero():
				left[n] = []event.Stored{s}
			case len(before) == 1 && before[0].Add.IsZero():
				left[n] = []event.Stored{{Space: s.Space, Key: s.Key, Value: s.Upon(before[0].Value)}}
			default:
				left[n] = append(before, s)
			}
		}
	}
	if left == nil {
		return nil // nearly always
	}
	names := slices.SortedFunc(maps.Keys(left), func(a, b name) int {
		if c := strings.Compare(a.space, b.space); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	list := make([]event.Stored, 0, len(names))
	for _, n := range names {
		list = append(list, left[n]...)
	}
	return list
}
