package collection

import (
	"runtime"
	"testing"
)

func TestLater(t *testing.T) {
	calls := make(chan int, 2)
	set := func(percent int) int {
		calls <- percent
		return 100
	}
	none := func(string) string { return "" }
	later(none, set)
	if got := <-calls; got != First {
		t.Errorf("at first %d", got)
	}
	for {
		runtime.GC()
		select {
		case got := <-calls:
			if got != 100 {
				t.Errorf("after the first collection %d", got)
			}
			return
		default:
			runtime.Gosched() // cleanups have a goroutine of their own
		}
	}
}

// Who has set something keeps it.
func TestLaterIsSet(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		later(func(asked string) string {
			if asked == name {
				return "50"
			}
			return ""
		}, func(int) int {
			t.Errorf("%s is not heeded", name)
			return 0
		})
	}
}
