package kv_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/capabilitytest"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
)

var _ kv.Store = journal.Values(nil)

// store is a journal in which steps can succeed.
type store struct {
	*memory.Journal
	seq uint64
}

func newStore(tb testing.TB) *store {
	tb.Helper()
	s := &store{Journal: memory.New()}
	s.append(tb, event.RunStarted{Graph: "shop", Input: document.Null()})
	return s
}

func (s *store) append(tb testing.TB, body event.Body) {
	tb.Helper()
	s.seq++
	err := s.Append(context.Background(), event.Event{Run: "r", Seq: s.seq, Time: time.Unix(0, 0).UTC(), Body: body})
	if err != nil {
		tb.Fatal(err)
	}
}

// succeed stores what an attempt writes, as the host does.
func (s *store) succeed(tb testing.TB, session capability.Session) {
	tb.Helper()
	body := event.AttemptSucceeded{Attempt: event.Attempt{Step: "n", Node: "n", Number: 1}, Output: document.Null()}
	for _, w := range session.Writes() {
		body.Stored = append(body.Stored, kept(w))
	}
	s.append(tb, body)
}

func kept(w capability.Write) event.Stored {
	if w.Add.IsZero() {
		return event.Stored{Space: w.Space, Key: w.Key, Value: w.Value}
	}
	return event.Stored{Space: w.Space, Key: w.Key, Add: w.Add}
}

func open(tb testing.TB, c capability.Capability) capability.Session {
	tb.Helper()
	session, err := c.(capability.Opener).Open(context.Background(), capability.Caller{Graph: "shop"})
	if err != nil {
		tb.Fatal(err)
	}
	return session
}

// ask makes a call; the answer is "" after an error, whose reason is given.
func ask(session capability.Session, method, request, grant string) (answer, reason string) {
	a, err := session.Call(context.Background(), capability.Call{
		Method: method, Request: document.MustParse(request), Grant: document.MustParse(grant),
	})
	if e, ok := errors.AsType[*capability.Error](err); ok {
		return "", e.Reason
	} else if err != nil {
		return "", err.Error()
	}
	return a.Document.String(), ""
}

func TestConformance(t *testing.T) {
	capabilitytest.Run(t, capabilitytest.Suite{
		New: func(t *testing.T) capability.Capability {
			t.Helper()
			s := newStore(t)
			session := open(t, kv.New(s))
			for _, r := range []string{`{"key":"a/1","value":1.50}`, `{"key":"a/2","value":{"b":[]}}`, `{"key":"b","value":null}`} {
				if _, reason := ask(session, "set", r, `{}`); reason != "" {
					t.Fatal(reason)
				}
			}
			s.succeed(t, session)
			return kv.New(s)
		},
		Name:     "kv",
		Settings: `{"space":"shop","max_bytes":"1MiB","max_keys":10}`,
		Cases: []capabilitytest.Case{
			{Method: "get", Request: `{"key":"a/1"}`, Answer: `{"found":true,"value":1.50}`},
			{Method: "get", Request: `{"key":"b"}`, Answer: `{"found":true,"value":null}`},
			{Method: "get", Request: `{"key":"c"}`, Answer: `{"found":false}`},
			{Method: "get", Request: `{"key":"c"}`, Grant: `{"keys":["a/*","b"]}`, Reason: "key_not_granted", Denied: true},
			{Method: "get", Request: `{"key":"a"}`, Grant: `{"keys":["a/*"],"read_only":true}`, Reason: "key_not_granted", Denied: true},
			{Method: "get", Request: `{"key":"a\u0000b"}`, Reason: "invalid_key"},
			{Method: "get", Request: `{"key":"` + strings.Repeat("é", 300) + `"}`, Reason: "invalid_key"},
			{Method: "set", Request: `{"key":"a/1","value":[1.0]}`, Answer: `{}`},
			{Method: "set", Request: `{"key":"a/1","value":1}`, Grant: `{"read_only":true}`, Reason: "read_only", Denied: true},
			{Name: "set too large", Method: "set", Request: `{"key":"x","value":"` + strings.Repeat("x", kv.MaxValueBytes) + `"}`, Reason: "value_too_large"},
			{Name: "set too full", Method: "set", Request: `{"key":"x","value":"` + strings.Repeat("x", kv.MaxValueBytes-10) + `"}`, Reason: "space_full"},
			{Method: "delete", Request: `{"key":"b"}`, Answer: `{"deleted":true}`},
			{Method: "delete", Request: `{"key":"c"}`, Answer: `{"deleted":false}`},
			{Method: "delete", Request: `{"key":"b"}`, Grant: `{"read_only":true}`, Reason: "read_only", Denied: true},
			{Method: "add", Request: `{"key":"a/1","by":0.05}`, Answer: `{"value":1.55}`},
			{Method: "add", Request: `{"key":"c","by":-2e-3}`, Answer: `{"value":-0.002}`},
			{Method: "add", Request: `{"key":"a/2","by":1}`, Reason: "not_a_number"},
			{Method: "add", Request: `{"key":"c","by":1e999}`, Reason: "number_too_large"},
			{Method: "list", Request: `{}`, Answer: `{"entries":[{"key":"a/1","value":1.5},{"key":"a/2","value":{"b":[]}},{"key":"b","value":null}],"more":false}`},
			{Method: "list", Request: `{"prefix":"a/","limit":1,"values":false}`, Answer: `{"entries":[{"key":"a/1"}],"more":true}`},
			{Method: "list", Request: `{"after":"a/1","limit":1}`, Answer: `{"entries":[{"key":"a/2","value":{"b":[]}}],"more":true}`},
			{Method: "list", Request: `{"after":"a/2"}`, Answer: `{"entries":[{"key":"b","value":null}],"more":false}`},
			{Method: "list", Request: `{"after":"zz","prefix":"a"}`, Answer: `{"entries":[],"more":false}`},
			{Method: "list", Request: `{}`, Grant: `{"keys":["b","a/2*","a/2"]}`, Answer: `{"entries":[{"key":"a/2","value":{"b":[]}},{"key":"b","value":null}],"more":false}`},
			{Method: "list", Request: `{"prefix":"a/2x"}`, Grant: `{"keys":["a/*"]}`, Answer: `{"entries":[],"more":false}`},
			{Method: "list", Request: `{}`, Grant: `{"keys":["nothing*"]}`, Answer: `{"entries":[],"more":false}`},
		},
	})
}

// An attempt sees its own writes; others see them when it has succeeded; of two
// the later holds.
func TestCommit(t *testing.T) {
	s := newStore(t)
	c := kv.New(s)
	first, second := open(t, c), open(t, c)
	for _, step := range []struct {
		session               capability.Session
		method, request, want string
	}{
		{first, "set", `{"key":"a","value":1}`, `{}`},
		{first, "get", `{"key":"a"}`, `{"found":true,"value":1}`},
		{first, "add", `{"key":"n","by":1}`, `{"value":1}`},
		{second, "get", `{"key":"a"}`, `{"found":false}`},
		{second, "add", `{"key":"n","by":10}`, `{"value":10}`},
		{first, "set", `{"key":"gone","value":1}`, `{}`},
		{first, "delete", `{"key":"gone"}`, `{"deleted":true}`},
		{first, "get", `{"key":"gone"}`, `{"found":false}`},
		{first, "list", `{}`, `{"entries":[{"key":"a","value":1},{"key":"n","value":1}],"more":false}`},
	} {
		if got, reason := ask(step.session, step.method, step.request, `{}`); got != step.want {
			t.Errorf("%s %s: got %s%s, want %s", step.method, step.request, got, reason, step.want)
		}
	}
	s.succeed(t, first)
	if got, _ := ask(second, "get", `{"key":"a"}`, `{}`); got != `{"found":false}` {
		t.Errorf("what was absent came while the attempt lasted: %s", got)
	}
	s.succeed(t, second)
	third := open(t, c)
	if got, _ := ask(third, "list", `{}`, `{}`); got != `{"entries":[{"key":"a","value":1},{"key":"n","value":11}],"more":false}` {
		t.Errorf("got %s", got)
	}
	if w := open(t, c).Writes(); len(w) != 0 {
		t.Errorf("an attempt that asked nothing writes %v", w)
	}
}

func TestBounds(t *testing.T) {
	s := newStore(t)
	many := open(t, kv.New(s))
	for i := range kv.MaxWrites {
		if _, reason := ask(many, "set", fmt.Sprintf(`{"key":"k%04d","value":%d}`, i, i), `{}`); reason != "" {
			t.Fatal(i, reason)
		}
	}
	if _, reason := ask(many, "set", `{"key":"one more","value":1}`, `{}`); reason != "too_much_written" {
		t.Errorf("writes: %q", reason)
	}
	if _, reason := ask(many, "set", `{"key":"k0001","value":7}`, `{}`); reason != "" {
		t.Errorf("the same key again: %q", reason)
	}
	s.succeed(t, many)
	// All pages of a list together are the list.
	var keys []string
	reader := open(t, kv.New(s))
	for after, more := "", true; more; {
		got, reason := ask(reader, "list", fmt.Sprintf(`{"after":%q,"limit":7,"values":false}`, after), `{}`)
		if reason != "" {
			t.Fatal(reason)
		}
		for _, f := range document.MustParse(got).Fields() {
			if f.Key == "more" {
				more = f.Value.String() == "true"
				continue
			}
			for _, e := range f.Value.Items() {
				v, _ := e.Fields()[0].Value.Value()
				after = v.(string)
				keys = append(keys, after)
			}
		}
	}
	if len(keys) != kv.MaxWrites || !slices.IsSorted(keys) {
		t.Errorf("%d keys, sorted %v", len(keys), slices.IsSorted(keys))
	}
	small, err := kv.New(s).Configure("kv", document.MustParse(`{"max_keys":1000,"max_bytes":"1GiB"}`))
	if err != nil {
		t.Fatal(err)
	}
	full := open(t, small)
	if _, reason := ask(full, "set", `{"key":"new","value":1}`, `{}`); reason != "space_full" {
		t.Errorf("keys: %q", reason)
	}
	for _, step := range [][2]string{{"set", `{"key":"k0001","value":1}`}, {"delete", `{"key":"k0002"}`}, {"set", `{"key":"new","value":1}`}} {
		if _, reason := ask(full, step[0], step[1], `{}`); reason != "" {
			t.Errorf("%s: %q", step, reason)
		}
	}
	value := `"` + strings.Repeat("x", kv.MaxValueBytes-2) + `"`
	large := open(t, small)
	for i := range 16 {
		_, reason := ask(large, "set", fmt.Sprintf(`{"key":"k%04d","value":%s}`, i, value), `{}`)
		if want := map[bool]string{true: "too_much_written"}[i == 15]; reason != want { // the keys count too
			t.Errorf("%d MiB: %q, want %q", i+1, reason, want)
		}
	}
	s.succeed(t, large)
	got, _ := ask(open(t, small), "list", `{}`, `{}`)
	if len(got) > kv.MaxListBytes+1000 || !strings.HasSuffix(got, `"more":true}`) {
		t.Errorf("a list of %d bytes", len(got))
	}
}

func TestConfigure(t *testing.T) {
	c := kv.New(newStore(t))
	offer, err := capability.NewOffer("kv", c)
	if err != nil {
		t.Fatal(err)
	}
	for settings, want := range map[string]string{
		`{}`:                             "",
		`{"max_bytes":"16 MiB"}`:         "",
		`{"max_bytes":1000.0}`:           "",
		`{"max_bytes":"lots"}`:           "/max_bytes",
		`{"max_bytes":"9999999GiB"}`:     "",
		`{"max_bytes":"99999999999GiB"}`: "/max_bytes",
		`{"max_bytes":"0B"}`:             "/max_bytes",
		`{"space":"a\u0007"}`:            "/space",
	} {
		d := document.MustParse(settings)
		if found := offer.Config.Validate(d); found != nil {
			t.Errorf("%s: %v", settings, found)
		}
		_, err := c.Configure("kv", d)
		problems, _ := errors.AsType[capability.Problems](err)
		if len(problems) == 0 {
			problems = capability.Problems{{}}
		}
		if (err == nil) != (want == "") || problems[0].Pointer != want {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
	for grant, want := range map[string]int{
		`{"keys":["*","a*","b"]}`:       0,
		`{"keys":["a*b"]}`:              1,
		`{"keys":["a","**","a\u0000"]}`: 2,
	} {
		if got := c.CheckGrant(document.MustParse(grant)); len(got) != want {
			t.Errorf("%s: %v", grant, got)
		}
	}
	if _, err := c.Open(t.Context(), capability.Caller{}); err == nil {
		t.Error("a graph without a name has a space")
	}
	if _, err := c.Call(t.Context(), capability.Call{Method: "get"}); err == nil {
		t.Error("a call without a session is answered")
	}
}

type broken struct{ kv.Store }

func (broken) Value(context.Context, string, string) (document.Document, error) {
	return document.Document{}, errors.New("disk on fire")
}

func TestBrokenStore(t *testing.T) {
	_, err := open(t, kv.New(broken{})).Call(t.Context(), capability.Call{Method: "get", Request: document.MustParse(`{"key":"a"}`)})
	if e, ok := errors.AsType[*capability.Error](err); !ok || !e.Retryable || !strings.Contains(e.Message, "disk on fire") {
		t.Errorf("got %v", err)
	}
}

// What an attempt has seen once it sees again, whatever others store meanwhile;
// and what it sees was there, or is its own.
func TestRepeatable(t *testing.T) {
	var universe []string
	for _, a := range []string{"a", "a/", "ab", "b", "b/é", "c"} {
		for _, b := range []string{"", "0", "1", "~", "日"} {
			universe = append(universe, a+b)
		}
	}
	slices.Sort(universe)
	universe = slices.Compact(universe)
	rapid.Check(t, func(rt *rapid.T) {
		s := newStore(t)
		c := kv.New(s)
		seen := map[string]string{} // by key: the value; "": absent
		value := 0
		write := func(session capability.Session, key string) (string, string) {
			value++
			if rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
				ask(session, "delete", fmt.Sprintf(`{"key":%q}`, key), `{}`)
				return key, ""
			}
			ask(session, "set", fmt.Sprintf(`{"key":%q,"value":%d}`, key, value), `{}`)
			return key, fmt.Sprint(value)
		}
		key := rapid.SampledFrom(universe)
		alone := rapid.Bool().Draw(rt, "alone")
		stored := map[string]string{}
		ever := map[[2]string]bool{} // key and value
		commit := func() {
			other := open(t, c)
			for range rapid.IntRange(5, 15).Draw(rt, "others") {
				k, v := write(other, key.Draw(rt, "other"))
				stored[k], ever[[2]string{k, v}] = v, true
			}
			s.succeed(t, other)
		}
		commit()
		session := open(t, c)
		if alone {
			for _, k := range universe {
				seen[k] = stored[k]
			}
		}
		observe := func(k, v string) {
			if before, ok := seen[k]; ok && before != v {
				rt.Fatalf("key %q was %q and is %q", k, before, v)
			}
			if _, ok := seen[k]; !ok && v != "" && !ever[[2]string{k, v}] {
				rt.Fatalf("key %q is %q, and never was", k, v)
			}
			seen[k] = v
		}
		for range rapid.IntRange(20, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				if !alone {
					commit()
				}
			case 1:
				k, v := write(session, key.Draw(rt, "own"))
				seen[k] = v
			case 2:
				k := key.Draw(rt, "get")
				got, reason := ask(session, "get", fmt.Sprintf(`{"key":%q}`, k), `{}`)
				if reason != "" {
					rt.Fatal(reason)
				}
				fields := document.MustParse(got).Fields()
				v := ""
				if len(fields) > 1 {
					v = fields[1].Value.String()
				}
				observe(k, v)
			case 3:
				prefix := rapid.SampledFrom([]string{"", "a", "a/", "b", "b/é", "zz"}).Draw(rt, "prefix")
				after := rapid.SampledFrom(append([]string{"", "a/00", "bb"}, universe...)).Draw(rt, "after")
				limit := rapid.IntRange(1, 40).Draw(rt, "limit")
				patterns := rapid.SampledFrom([][]string{{"*"}, {"a*"}, {"a/*", "b"}, {"b*", "a", "c1", "b/*"}}).Draw(rt, "patterns")
				got, reason := ask(session, "list", fmt.Sprintf(`{"prefix":%q,"after":%q,"limit":%d}`, prefix, after, limit),
					`{"keys":["`+strings.Join(patterns, `","`)+`"]}`)
				if reason != "" {
					rt.Fatal(reason)
				}
				fields := document.MustParse(got).Fields()
				listed := map[string]string{}
				last := ""
				for _, e := range fields[0].Value.Items() {
					k, _ := e.Fields()[0].Value.Value()
					if last >= k.(string) {
						rt.Fatalf("%q is not behind %q", k, last)
					}
					last = k.(string)
					listed[last] = e.Fields()[1].Value.String()
				}
				more := fields[1].Value.String() == "true"
				if more != (more && len(listed) == limit) {
					rt.Fatalf("%d of %d, and more", len(listed), limit)
				}
				for _, k := range universe {
					granted := slices.ContainsFunc(patterns, func(p string) bool {
						open := strings.TrimSuffix(p, "*")
						return k == p || open != p && strings.HasPrefix(k, open)
					})
					if !granted || !strings.HasPrefix(k, prefix) || k <= after || more && k > last {
						if listed[k] != "" {
							rt.Fatalf("%q should not be listed in %s", k, got)
						}
						continue
					}
					observe(k, listed[k])
				}
			}
		}
	})
}

// A session that is told of recorded answers goes on as the one that got them.
func TestRecall(t *testing.T) {
	s := newStore(t)
	c := kv.New(s)
	before := open(t, c)
	ask(before, "set", `{"key":"old","value":1}`, `{}`)
	s.succeed(t, before)
	was, now := open(t, c), open(t, c).(capability.Recaller)
	calls := [][2]string{
		{"get", `{"key":"old"}`},
		{"get", `{"key":"none"}`},
		{"delete", `{"key":"nor this"}`},
		{"add", `{"key":"n","by":2}`},
		{"add", `{"key":"n","by":2}`},
		{"set", `{"key":"s","value":{"a":1}}`},
		{"set", `{"key":"s","value":"two"}`},
		{"set", `{"key":"gone","value":1}`},
		{"delete", `{"key":"gone"}`},
		{"list", `{}`},
	}
	for _, call := range calls {
		answer, reason := ask(was, call[0], call[1], `{}`)
		if reason != "" {
			t.Fatal(call, reason)
		}
		err := now.Recall(t.Context(), capability.Call{Method: call[0], Request: document.MustParse(call[1])}, document.MustParse(answer))
		if err != nil {
			t.Fatal(call, err)
		}
	}
	// Others store meanwhile.
	other := open(t, c)
	for _, key := range []string{"old", "none", "nor this", "n", "s"} {
		ask(other, "set", fmt.Sprintf(`{"key":%q,"value":"other"}`, key), `{}`)
	}
	s.succeed(t, other)
	for _, call := range [][2]string{
		{"get", `{"key":"old"}`},
		{"get", `{"key":"none"}`},
		{"get", `{"key":"nor this"}`},
		{"get", `{"key":"n"}`},
		{"get", `{"key":"s"}`},
		{"get", `{"key":"gone"}`},
		{"add", `{"key":"n","by":1}`},
	} {
		a, _ := ask(was, call[0], call[1], `{}`)
		b, _ := ask(now, call[0], call[1], `{}`)
		if a != b || a == "" {
			t.Errorf("%s: %s, recalled %s", call, a, b)
		}
	}
	if a, b := fmt.Sprint(was.Writes()), fmt.Sprint(now.Writes()); a != b || len(was.Writes()) != 3 {
		t.Errorf("writes %s, recalled %s", a, b)
	}
}
