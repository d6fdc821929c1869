package fork

import (
	"fmt"
	"testing"
)

func TestFrames(t *testing.T) {
	for id, want := range map[string]string{
		"a": "[{a [] -1}]", "a[2]": "[{a [2] -1}]", "a#3": "[{a [] 3}]",
		"s[2.3]#17/b-c[1]": "[{s [2 3] 17} {b-c [1] -1}]",
		"":                 "[{ [] -1}]", "a[x]": "[{a [] -1}]", "a#": "[{a [] -1}]",
	} {
		if got := fmt.Sprint(framesOf(id)); got != want {
			t.Errorf("%q: %s, want %s", id, got, want)
		}
	}
	for id, want := range map[string]string{
		"a": "", "a[1]#3": "a[1]", "s#3/a": "s#3", "s/a#3": "s/a", "s/a": "s",
	} {
		if got := around(id); got != want {
			t.Errorf("around %q: %q, want %q", id, got, want)
		}
	}
}
