package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// space holds values by key.
type space struct {
	values map[string]document.Document
	sorted []string // the keys; nil: they have changed since they were sorted
	bytes  int64    // of keys and values
}

// stored gives what an append stores. A value may be a few bytes of a document of
// many: it is copied, so that it does not keep them all.
func stored(events []event.Event) []event.Stored {
	list := journal.Stored(events)
	for i, s := range list {
		if !s.Value.IsZero() {
			list[i].Value = document.Trusted(bytes.Clone(s.Value.Bytes()))
		}
	}
	return list
}

// store applies what an append stores. The journal is locked.
func (j *Journal) store(list []event.Stored) {
	for _, s := range list {
		in := j.spaces[s.Space]
		var old document.Document
		if in != nil {
			old = in.values[s.Key]
		}
		value := s.Upon(old)
		if in == nil {
			if value.IsZero() {
				continue
			}
			in = &space{values: map[string]document.Document{}}
			j.spaces[s.Space] = in
		}
		in.set(s.Key, value)
		if len(in.values) == 0 {
			delete(j.spaces, s.Space)
		}
	}
}

func (s *space) set(key string, value document.Document) {
	old, there := s.values[key]
	if there {
		s.bytes -= size(key, old)
	}
	if value.IsZero() {
		if there {
			delete(s.values, key)
			s.sorted = nil
		}
		return
	}
	s.values[key] = value
	s.bytes += size(key, value)
	if !there {
		s.sorted = nil
	}
}

func size(key string, value document.Document) int64 {
	return int64(len(key)) + int64(len(value.Bytes()))
}

// keys gives the keys in order. The journal is locked for writing.
func (s *space) keys() []string {
	if s.sorted == nil {
		s.sorted = make([]string, 0, len(s.values))
		for key := range s.values {
			s.sorted = append(s.sorted, key)
		}
		slices.Sort(s.sorted)
	}
	return s.sorted
}

// Value implements [journal.Values].
func (j *Journal) Value(ctx context.Context, space, key string) (document.Document, error) {
	if err := context.Cause(ctx); err != nil {
		return document.Document{}, fmt.Errorf("reading a value: %w", err)
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if s := j.spaces[space]; s != nil {
		return s.values[key], nil
	}
	return document.Document{}, nil
}

// Values implements [journal.Values].
func (j *Journal) Values(ctx context.Context, space, prefix, after string, limit int) ([]journal.Entry, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("reading values: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.spaces[space]
	if s == nil {
		return nil, nil
	}
	keys := s.keys()
	first, _ := slices.BinarySearch(keys, max(prefix, after))
	var list []journal.Entry
	for _, key := range keys[first:] {
		if len(list) >= limit || !strings.HasPrefix(key, prefix) {
			break
		}
		if key > after {
			list = append(list, journal.Entry{Key: key, Value: s.values[key]})
		}
	}
	return list, nil
}

// Size implements [journal.Values].
func (j *Journal) Size(ctx context.Context, space string) (keys int, bytes int64, err error) {
	if err := context.Cause(ctx); err != nil {
		return 0, 0, fmt.Errorf("reading the size of a space: %w", err)
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if s := j.spaces[space]; s != nil {
		return len(s.values), s.bytes, nil
	}
	return 0, 0, nil
}
