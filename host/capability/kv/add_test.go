package kv_test

import (
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
)

// What is only added to is written as an addition, whether it was asked or recalled.
func TestAdditions(t *testing.T) {
	for _, test := range []struct {
		there string // "": nothing
		calls [][2]string
		value string
		add   string
	}{
		{"5", [][2]string{{"add", "1"}}, "6", "1"},
		{"", [][2]string{{"add", "1"}, {"add", "0.5"}, {"get", ""}, {"add", "-3"}}, "-1.5", "-1.5"},
		{"5", [][2]string{{"get", ""}, {"add", "1"}}, "6", "1"},
		{"5", [][2]string{{"add", "0"}}, "5", "0"},
		{"5", [][2]string{{"set", "1"}, {"add", "1"}}, "2", ""},
		{"5", [][2]string{{"add", "1"}, {"set", "1"}}, "1", ""},
		{"5", [][2]string{{"add", "1"}, {"delete", ""}}, "", ""},
		{"5", [][2]string{{"delete", ""}, {"add", "1"}}, "1", ""},
		{"", [][2]string{{"delete", ""}, {"add", "1"}}, "1", ""},
		{"5", [][2]string{{"add", "1"}, {"set", "1"}, {"add", "1"}}, "2", ""},
		{"-1e400", [][2]string{{"add", "1e400"}, {"add", "1e-400"}}, "1e-400", ""}, // the sum of both is beyond the bounds
	} {
		s := newStore(t)
		c := kv.New(s)
		if test.there != "" {
			before := open(t, c)
			ask(before, "set", `{"key":"n","value":`+test.there+`}`, `{}`)
			s.succeed(t, before)
		}
		was, now := open(t, c), open(t, c).(capability.Recaller)
		for _, call := range test.calls {
			request := map[string]string{"add": `{"key":"n","by":%s}`, "set": `{"key":"n","value":%s}`}[call[0]]
			if request == "" {
				request = `{"key":"n"}`
			} else {
				request = fmt.Sprintf(request, call[1])
			}
			answer, reason := ask(was, call[0], request, `{}`)
			if reason != "" {
				t.Fatal(test, reason)
			}
			if err := now.Recall(t.Context(), capability.Call{Method: call[0], Request: document.MustParse(request)}, document.MustParse(answer)); err != nil {
				t.Fatal(err)
			}
		}
		for _, list := range [][]capability.Write{was.Writes(), now.Writes()} {
			if len(list) != 1 || !same(list[0].Value, test.value) || !same(list[0].Add, test.add) {
				t.Errorf("%v: writes %s", test, list)
			}
		}
	}
}

// same compares with a value; "": absent.
func same(d document.Document, want string) bool {
	if want == "" {
		return d.IsZero()
	}
	return !d.IsZero() && d.Equal(document.MustParse(want))
}

// Attempts at the same time that only add leave what they would leave one after the
// other, in the order in which they succeed, with others that set and delete between
// them; each is answered what it has read and its own.
func TestAdditionsAreLikeASequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStore(t)
		c := kv.New(s)
		type attempt struct {
			capability.Session
			read  int
			asked bool
			do    []func(n int, there bool) (int, bool)
		}
		stored, there := 0, false
		var all []*attempt
		for range rapid.IntRange(2, 5).Draw(rt, "attempts") {
			all = append(all, &attempt{Session: open(t, c)})
		}
		for len(all) > 0 {
			i := rapid.IntRange(0, len(all)-1).Draw(rt, "attempt")
			a := all[i]
			n := rapid.IntRange(-9, 9).Draw(rt, "n")
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				s.succeed(t, a.Session)
				for _, do := range a.do {
					stored, there = do(stored, there)
				}
				all = append(all[:i], all[i+1:]...)
			case 1:
				if rapid.Bool().Draw(rt, "set") {
					ask(a.Session, "set", fmt.Sprintf(`{"key":"n","value":%d}`, n), `{}`)
					a.read, a.asked = n, true
					a.do = append(a.do, func(int, bool) (int, bool) { return n, true })
				}
			default:
				if !a.asked {
					a.read, a.asked = stored, true
				}
				a.read += n
				answer, reason := ask(a.Session, "add", fmt.Sprintf(`{"key":"n","by":%d}`, n), `{}`)
				if answer != fmt.Sprintf(`{"value":%d}`, a.read) {
					rt.Fatalf("answered %s%s, want %d", answer, reason, a.read)
				}
				a.do = append(a.do, func(old int, _ bool) (int, bool) { return old + n, true })
			}
		}
		d, err := s.Value(t.Context(), "shop", "n")
		if want := strconv.Itoa(stored); err != nil || there && d.String() != want || !there && !d.IsZero() {
			rt.Fatalf("there is %s, want %s, %v; %v", d, want, there, err)
		}
	})
}
