package document

import (
	"sync"
	"testing"
)

func TestHolds(t *testing.T) {
	d, names := MustParse(`{"a":1}`), []string{"one", "two", "three", "four"}
	if d.Holds("one") {
		t.Error("a new document holds to something")
	}
	for i := range names {
		d.Hold(&names[i])
		d.Hold(&names[i])
		if !d.Holds(string([]byte(names[i]))) {
			t.Errorf("it forgot %q at once", names[i])
		}
	}
	if !d.Holds("one") || d.Holds("three") {
		t.Error("it remembers the first and the last")
	}
	if other := MustParse(`{"a":1}`); other.Holds("one") {
		t.Error("another document, of the same text, holds to something")
	}
	none := Document{}
	none.Hold(&names[0])
	if none.Holds("one") {
		t.Error("what is absent holds to something")
	}
}

// All that ask at once are given the same.
func TestWorkedOutAtOnce(t *testing.T) {
	for range 100 {
		d := MustParse(`{"b":[1,2],"a":"x"}`)
		rules := "rules"
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				d.Hold(&rules)
				if !d.Holds("rules") {
					t.Error("it forgot")
				}
				if string(d.Canonical()) != `{"a":"x","b":[1,2]}` || d.Digest() != MustParse(`{"a":"x","b":[1,2]}`).Digest() {
					t.Error("it changed")
				}
				if v, err := d.Value(); err != nil || len(v.(map[string]any)) != 2 {
					t.Error(v, err)
				}
			})
		}
		wg.Wait()
	}
}
