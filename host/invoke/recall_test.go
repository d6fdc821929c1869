package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/invoke"
)

// ledgerBook is a notebook whose sessions remember what was answered before.
type ledgerBook struct {
	world
	broken error
	told   []string
	called int
}

func (b *ledgerBook) Open(context.Context, capability.Caller) (capability.Session, error) {
	return &ledgerPage{book: b}, nil
}

type ledgerPage struct {
	book   *ledgerBook
	writes []capability.Write
}

func (p *ledgerPage) write(d document.Document) {
	p.writes = append(p.writes, capability.Write{Space: "s", Key: fmt.Sprint(len(p.writes) + 1), Value: d})
}

func (p *ledgerPage) Call(_ context.Context, c capability.Call) (capability.Answer, error) {
	p.book.called++
	p.write(c.Request)
	return capability.Answer{Document: document.MustParse(fmt.Sprint(len(p.writes)))}, nil
}

func (p *ledgerPage) Recall(_ context.Context, c capability.Call, answer document.Document) error {
	p.book.told = append(p.book.told, c.Key[:4]+answer.String())
	p.write(c.Request)
	return p.book.broken
}

func (p *ledgerPage) Writes() []capability.Write { return p.writes }

// An attempt that begins again after a crash, at any of its calls, comes to the same
// end, without a call made, admitted or recorded twice.
func TestRecall(t *testing.T) {
	limits := graph.Limits{Calls: 5, Bytes: 200}
	for _, module := range []string{"store", "askmuch", "batch", "other"} {
		module := "module = '" + module + ".wasm'"
		input := document.MustParse(`[{"capability":"world","method":"ask","payload":{"a":1}},{"capability":"world","method":"none"},{"capability":"world","method":"ask","payload":{"a":1}}]`)
		change := func(r *invoke.Request) {
			r.Input = input
			r.Used = map[string]event.Usage{"world": {Calls: 1, Bytes: 10}}
		}
		whole, book := &ledger{}, &ledgerBook{}
		want, err := ask(t, granted(t, module, book, limits), whole, change)
		if err != nil || len(whole.facts) == 0 {
			t.Fatal(err, len(whole.facts))
		}
		for n := 0; n <= min(len(whole.facts), 8); n++ {
			l, again := &ledger{past: whole.facts[:n]}, &ledgerBook{}
			got, err := ask(t, granted(t, module, again, limits), l, change)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, resumed after %d calls: %+v, %v; want %+v", module, n, got, err, want)
			}
			if all := timeless(l.past, l.facts); fmt.Sprint(all) != fmt.Sprint(timeless(whole.facts)) {
				t.Errorf("%s, resumed after %d calls:\n%v\nin one go:\n%v", module, n, all, whole.facts)
			}
			if again.called+len(again.told) != book.called || l.admitted+len(again.told) != whole.admitted {
				t.Errorf("%s, resumed after %d calls: %d made, %d recalled, %d admitted", module, n, again.called, len(again.told), l.admitted)
			}
		}
	}
}

// timeless takes away how long calls took.
func timeless(lists ...[]event.CapabilityAnswered) []event.CapabilityAnswered {
	all := slices.Concat(lists...)
	for i := range all {
		all[i].Took = 0
	}
	return all
}

// The first call that is another one goes to the world, and so do all that follow.
func TestRecallThatDiffers(t *testing.T) {
	whole := &ledger{}
	plan := granted(t, "module = 'store.wasm'", &ledgerBook{}, graph.Limits{})
	if _, err := ask(t, plan, whole, nil); err != nil || len(whole.facts) != 2 {
		t.Fatal(err, whole.facts)
	}
	for name, change := range map[string]func(*event.CapabilityAnswered){
		"request": func(e *event.CapabilityAnswered) { e.Request = document.MustParse(`{"q":2}`) },
		"method":  func(e *event.CapabilityAnswered) { e.Method = "other" },
		"refused": func(e *event.CapabilityAnswered) { e.Usage.Calls = 0 },
		"timeout": func(e *event.CapabilityAnswered) { e.Failure = &failure.Failure{Code: failure.Timeout} },
	} {
		past := slices.Clone(whole.facts)
		change(&past[0])
		l, book := &ledger{past: past}, &ledgerBook{}
		o, err := ask(t, granted(t, "module = 'store.wasm'", book, graph.Limits{}), l, nil)
		if err != nil || o.Failure != nil || book.called != 2 || len(book.told) != 0 || len(o.Stored) != 2 {
			t.Errorf("%s: %+v, %v; %d made", name, o, err, book.called)
		}
		if len(l.facts) != 2 || l.facts[0].Ordinal != 3 || l.facts[1].Ordinal != 4 || l.facts[0].Key != whole.facts[0].Key {
			t.Errorf("%s: %+v", name, l.facts)
		}
	}
	broken := &ledgerBook{broken: errors.New("the store is gone")}
	_, err := ask(t, granted(t, "module = 'store.wasm'", broken, graph.Limits{}), &ledger{past: whole.facts}, nil)
	if !errors.Is(err, broken.broken) || !strings.Contains(err.Error(), `capability "world": recalling ask`) {
		t.Errorf("%v", err)
	}
}
