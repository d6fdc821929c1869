package kv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// view is what one attempt has read of a space: what it has seen once it sees
// again, and also that there was nothing. For one goroutine.
type view struct {
	store  Store
	space  string
	known  []span // sorted, apart from each other
	keys   []string
	values map[string]document.Document // by key; absent ones too
	read   int                          // bytes
	sizes  map[string]int64             // of what is replaced without being read; 0: not there
	// size of the space, once somebody asked
	sized bool
	count int64
	bytes int64
}

// span is a part of the keys' order that has been read: from lo up to hi,
// without hi.
type span struct{ lo, hi string }

// page is how many entries are read at once: values may be large.
const page = 16

func newView(store Store, space string) *view {
	return &view{store: store, space: space, values: map[string]document.Document{}, sizes: map[string]int64{}}
}

// behind is the place in the keys' order that is behind a key and before every
// other one.
func behind(key string) string { return key + "\x00" }

// past is the place behind all keys with a prefix. No key has its last rune.
func past(prefix string) string { return prefix + string(utf8.MaxRune) }

// get gives a value; absent where there is none.
func (v *view) get(ctx context.Context, key string) (document.Document, error) {
	if d, ok := v.values[key]; ok {
		return d, nil
	}
	if i := v.at(key); i >= 0 {
		return document.Document{}, nil
	}
	d, err := v.store.Value(ctx, v.space, key)
	if err != nil {
		return d, fmt.Errorf("reading key %q: %w", key, err)
	}
	return d, v.note(key, d)
}

// extent is the size of a key with its value, where it is there. The value is not
// remembered: nobody saw it.
func (v *view) extent(ctx context.Context, key string) (bytes int64, there bool, err error) {
	if d, ok := v.values[key]; ok {
		return int64(len(key) + len(d.Bytes())), !d.IsZero(), nil
	}
	if bytes, ok := v.sizes[key]; ok {
		return bytes, bytes > 0, nil
	}
	d, err := v.store.Value(ctx, v.space, key)
	if err != nil {
		return 0, false, fmt.Errorf("reading key %q: %w", key, err)
	}
	if !d.IsZero() {
		bytes = int64(len(key) + len(d.Bytes()))
	}
	v.sizes[key] = bytes
	return bytes, bytes > 0, nil
}

// note remembers what was read, and says where that becomes too much. What is
// known is not changed.
func (v *view) note(key string, d document.Document) error {
	if _, known := v.values[key]; known {
		return nil
	}
	v.read += len(key) + len(d.Bytes())
	if v.read > MaxReadBytes {
		return &capability.Error{
			Reason:  "too_much_read",
			Message: fmt.Sprintf("one attempt reads at most %d bytes of kv; let several nodes share the work", MaxReadBytes),
		}
	}
	v.values[key] = d
	if !d.IsZero() {
		i, _ := slices.BinarySearch(v.keys, key)
		v.keys = slices.Insert(v.keys, i, key)
	}
	return nil
}

// at is the known span that has a place in it; -1.
func (v *view) at(place string) int {
	i, exact := slices.BinarySearchFunc(v.known, place, func(s span, p string) int { return strings.Compare(s.lo, p) })
	if exact {
		return i
	}
	if i > 0 && place < v.known[i-1].hi {
		return i - 1
	}
	return -1
}

// learn adds a span to the known ones.
func (v *view) learn(s span) {
	first := 0
	for first < len(v.known) && v.known[first].hi < s.lo {
		first++
	}
	last := first
	for last < len(v.known) && v.known[last].lo <= s.hi {
		s.lo, s.hi = min(s.lo, v.known[last].lo), max(s.hi, v.known[last].hi)
		last++
	}
	v.known = slices.Replace(v.known, first, last, s)
}

// fill makes sure that what follows a place is known: up to the end it gives,
// which is behind the place, and at most limit.
func (v *view) fill(ctx context.Context, prefix, from, limit string) (until string, err error) {
	if i := v.at(from); i >= 0 {
		return min(v.known[i].hi, limit), nil
	}
	// Places that are no keys are behind one, or past a prefix: nothing lies
	// between a key and the place behind it.
	after := strings.TrimSuffix(from, "\x00")
	if from == prefix {
		after = ""
	}
	entries, err := v.store.Values(ctx, v.space, prefix, after, page)
	if err != nil {
		return "", fmt.Errorf("listing keys: %w", err)
	}
	until = past(prefix)
	if len(entries) >= page {
		until = behind(entries[len(entries)-1].Key)
	}
	for i, next := range v.known {
		if next.lo > from {
			until = min(until, v.known[i].lo)
			break
		}
	}
	for _, e := range entries {
		if e.Key >= until {
			break
		}
		// What get has seen to be absent stays so.
		if err := v.note(e.Key, e.Value); err != nil {
			return "", err
		}
	}
	v.learn(span{lo: from, hi: until})
	return min(until, limit), nil
}

// between gives the keys that are known to be there, from a place up to another.
func (v *view) between(from, until string) []string {
	lo, _ := slices.BinarySearch(v.keys, from)
	hi, _ := slices.BinarySearch(v.keys, until)
	return v.keys[lo:max(lo, hi)]
}

// total is the size of the space when it was first asked for.
func (v *view) total(ctx context.Context) (count, bytes int64, err error) {
	if !v.sized {
		n, bytes, err := v.store.Size(ctx, v.space)
		if err != nil {
			return 0, 0, fmt.Errorf("measuring the space: %w", err)
		}
		v.sized, v.count, v.bytes = true, int64(n), bytes
	}
	return v.count, v.bytes, nil
}
