package local

import (
	"runtime"
	"testing"
	"testing/synctest"
)

func TestWorkersAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		check := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := runtime.NumGoroutine() - before; got != want {
				t.Errorf("%s: %d goroutines, not %d", when, got, want)
			}
		}
		var w workers
		done := 0
		for range 3 {
			w.do(func() { done++ })
			check("one after another", 1)
		}
		if done != 3 {
			t.Errorf("%d of 3 were done", done)
		}
		block := make(chan struct{})
		for range 3 * maxIdle {
			w.do(func() { <-block })
		}
		check("at once", 3*maxIdle)
		w.release()
		check("released while they are busy", 3*maxIdle)
		w.do(func() {})
		check("another one after that", 3*maxIdle+1)
		close(block)
		check("when they are done", 1)
		w.release()
		w.all.Wait()
		check("released", 0)

		block = make(chan struct{})
		for range 3 * maxIdle {
			w.do(func() { <-block })
		}
		synctest.Wait()
		close(block)
		check("that have nothing to do", maxIdle)
		w.release()
		w.all.Wait()
	})
}
