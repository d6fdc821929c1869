package kv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// session is kv as one attempt sees it.
type session struct {
	c      *Capability
	view   *view
	writes map[string]document.Document // by key; absent: deleted
	bytes  int                          // of writes
	// adds are the sums of what was added to keys that were only added to. The others
	// have their final value: what was set, or what was deleted, before was this
	// attempt's, and gone are the keys of which it wanted nothing to be left, although
	// it saw nothing to delete.
	adds map[string]document.Document
	gone map[string]bool
}

var _ capability.Recaller = (*session)(nil)

// request is what any method is asked.
type request struct {
	key, prefix, after string
	value, by          document.Document
	limit              int
	keysOnly           bool
}

func read(d document.Document) request {
	r := request{limit: 100}
	for _, f := range d.Fields() {
		switch f.Key {
		case "key":
			r.key = text(f.Value)
		case "prefix":
			r.prefix = text(f.Value)
		case "after":
			r.after = text(f.Value)
		case "value":
			r.value = f.Value
		case "by":
			r.by = f.Value
		case "limit":
			n, _ := size(f.Value)
			r.limit = int(min(n, MaxList))
		case "values":
			r.keysOnly = f.Value.String() == "false"
		default:
		}
	}
	return r
}

// Call implements [capability.Session].
func (s *session) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	d, err := s.answer(ctx, c)
	if ended := context.Cause(ctx); err != nil && ended != nil {
		err = ended
	}
	if err == nil {
		return capability.Answer{Document: d}, nil
	}
	if _, ok := errors.AsType[*capability.Error](err); !ok {
		// The store cannot be read now: a disk, a lock. Later it may.
		err = &capability.Error{Reason: "store_unavailable", Message: err.Error(), Retryable: true}
	}
	return capability.Answer{}, err
}

func (s *session) answer(ctx context.Context, c capability.Call) (document.Document, error) {
	r, g := read(c.Request), readGrant(c.Grant)
	if c.Method == listMethod {
		return s.list(ctx, r, g)
	}
	if fault := keyFault(r.key); fault != "" {
		return document.Document{}, &capability.Error{Reason: "invalid_key", Message: fault}
	}
	if !g.allows(r.key) {
		return document.Document{}, &capability.Error{
			Reason: "key_not_granted", Denied: true,
			Message: fmt.Sprintf("key %q is not granted to node %q; keys in its grant says which are", r.key, c.Caller.Node),
		}
	}
	if g.readOnly && c.Method != getMethod {
		return document.Document{}, &capability.Error{
			Reason: "read_only", Denied: true,
			Message: fmt.Sprintf("node %q may only read; its grant says read_only", c.Caller.Node),
		}
	}
	if c.Method == setMethod {
		return document.Object(), s.put(ctx, r.key, r.value)
	}
	old, err := s.get(ctx, r.key)
	if err != nil {
		return document.Document{}, err
	}
	switch c.Method {
	case getMethod:
		return document.Object(
			document.Field{Key: "found", Value: document.Bool(!old.IsZero())},
			document.Field{Key: "value", Value: old}), nil
	case deleteMethod:
		there := !old.IsZero()
		if there {
			err = s.put(ctx, r.key, document.Document{})
		} else {
			s.gone[r.key] = true
		}
		return document.Object(document.Field{Key: "deleted", Value: document.Bool(there)}), err
	case addMethod:
		return s.add(ctx, r, old)
	default:
		return document.Document{}, &capability.Error{Reason: "unknown_method", Message: fmt.Sprintf("kv has no method %q", c.Method), Denied: true}
	}
}

// get reads the attempt's own write, or what is stored.
func (s *session) get(ctx context.Context, key string) (document.Document, error) {
	if d, ok := s.writes[key]; ok {
		return d, nil
	}
	return s.view.get(ctx, key)
}

func (s *session) add(ctx context.Context, r request, old document.Document) (document.Document, error) {
	if old.IsZero() {
		old = document.Int(0)
	}
	if old.Kind() != document.KindNumber {
		return document.Document{}, &capability.Error{
			Reason: "not_a_number", Message: fmt.Sprintf("the value of key %q is of type %s; only a number can be added to", r.key, old.Kind()),
		}
	}
	total, ok := document.Sum(old, r.by)
	if !ok {
		return document.Document{}, &capability.Error{
			Reason:  "number_too_large",
			Message: fmt.Sprintf("the sum for key %q has too many digits; numbers have at most %d, and exponents up to %d", r.key, document.MaxSumDigits, document.MaxSumExponent),
		}
	}
	added := s.added(r)
	if err := s.write(ctx, r.key, total); err != nil {
		return document.Document{}, err
	}
	s.note(r.key, added)
	return document.Object(document.Field{Key: "value", Value: total}), nil
}

// added is the sum of all additions to a key, with one more; absent where the key's
// final value is stored instead: it was set or deleted before, or the sum of the
// additions is beyond the bounds that the sum with what is there keeps to.
func (s *session) added(r request) document.Document {
	before, adding := s.adds[r.key]
	if _, written := s.writes[r.key]; !adding && (written || s.gone[r.key]) {
		return document.Document{}
	}
	if !adding {
		before = document.Int(0)
	}
	sum, _ := document.Sum(before, r.by)
	return sum
}

// note remembers what was added to a key; absent: it has a final value.
func (s *session) note(key string, added document.Document) {
	if added.IsZero() {
		delete(s.adds, key)
	} else {
		s.adds[key] = added
	}
}

// put writes a value that does not depend on what is there; absent: it is deleted.
func (s *session) put(ctx context.Context, key string, value document.Document) error {
	err := s.write(ctx, key, value)
	if err == nil {
		s.note(key, document.Document{})
	}
	return err
}

// write notes what is to be stored; absent: the key is deleted.
func (s *session) write(ctx context.Context, key string, value document.Document) error {
	if n := len(value.Bytes()); n > MaxValueBytes {
		return &capability.Error{Reason: "value_too_large", Message: fmt.Sprintf("the value for key %q has %d bytes; at most %d are kept", key, n, MaxValueBytes)}
	}
	before, again := s.writes[key]
	bytes := s.bytes + len(value.Bytes()) - len(before.Bytes())
	if !again {
		bytes += len(key)
	}
	if !again && len(s.writes) >= MaxWrites || bytes > MaxWriteBytes {
		return &capability.Error{
			Reason:  "too_much_written",
			Message: fmt.Sprintf("one attempt writes at most %d keys and %d bytes; let several nodes share the work", MaxWrites, MaxWriteBytes),
		}
	}
	if !value.IsZero() {
		if err := s.room(ctx, key, value); err != nil {
			return err
		}
	}
	s.writes[key], s.bytes = value, bytes
	return nil
}

// room says whether the space would be too large with one write more.
func (s *session) room(ctx context.Context, but string, value document.Document) error {
	count, bytes, err := s.view.total(ctx)
	if err != nil {
		return err
	}
	change := func(key string, now document.Document) error {
		old, there, err := s.view.extent(ctx, key)
		if there {
			count, bytes = count-1, bytes-old
		}
		if !now.IsZero() {
			count, bytes = count+1, bytes+int64(len(key)+len(now.Bytes()))
		}
		return err
	}
	for key := range s.writes { // in any order: it is a sum
		if key == but {
			continue
		}
		if err := change(key, s.writes[key]); err != nil {
			return err
		}
	}
	if err := change(but, value); err != nil {
		return err
	}
	if count > s.c.maxKeys || bytes > s.c.maxBytes {
		return &capability.Error{
			Reason: "space_full",
			Message: fmt.Sprintf("the space %q would have %d keys and %d bytes; it holds %d and %d; delete keys, or raise max_keys and max_bytes in [capabilities.kv]",
				s.view.space, count, bytes, s.c.maxKeys, s.c.maxBytes),
		}
	}
	return nil
}

// Recall implements [capability.Recaller].
func (s *session) Recall(_ context.Context, c capability.Call, answer document.Document) error {
	r := read(c.Request)
	member := func(key string) (d document.Document) {
		for _, f := range answer.Fields() {
			if f.Key == key {
				d = f.Value
			}
		}
		return d
	}
	_, written := s.writes[r.key]
	switch c.Method {
	case getMethod:
		if !written {
			return s.view.note(r.key, member("value"))
		}
	case setMethod:
		s.recall(r.key, r.value, document.Document{})
	case addMethod:
		s.recall(r.key, member("value"), s.added(r))
	case deleteMethod:
		if member("deleted").String() == "true" {
			s.recall(r.key, document.Document{}, document.Document{})
			return nil
		}
		s.gone[r.key] = true
		if !written {
			return s.view.note(r.key, document.Document{})
		}
	case listMethod:
		for item := range member("entries").All() {
			e := read(item)
			if _, written := s.writes[e.key]; written || e.value.IsZero() {
				continue
			}
			if err := s.view.note(e.key, e.value); err != nil {
				return err
			}
		}
	default:
	}
	return nil
}

func (s *session) recall(key string, value, added document.Document) {
	s.note(key, added)
	before, again := s.writes[key]
	s.bytes += len(value.Bytes()) - len(before.Bytes())
	if !again {
		s.bytes += len(key)
	}
	s.writes[key] = value
}

// Writes implements [capability.Session]: sorted by key.
func (s *session) Writes() []capability.Write {
	var list []capability.Write
	for _, key := range slices.Sorted(maps.Keys(s.writes)) {
		list = append(list, capability.Write{Space: s.view.space, Key: key, Value: s.writes[key], Add: s.adds[key]})
	}
	return list
}
