package local

import (
	"testing"
	"testing/synctest"
)

func TestWorkersAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w workers
		done := 0
		for range 3 {
			w.do(workFunc(func() { done++ }))
			synctest.Wait()
			if n := w.idle.Load(); n != 1 {
				t.Errorf("%d wait after one did something, not 1", n)
			}
		}
		if done != 3 {
			t.Errorf("%d of 3 were done", done)
		}
		block := make(chan struct{})
		for range 3 * maxIdle {
			w.do(workFunc(func() { <-block }))
		}
		synctest.Wait()
		if n := w.idle.Load(); n != 0 {
			t.Errorf("%d wait while all have something to do", n)
		}
		close(block)
		synctest.Wait()
		if n := w.idle.Load(); n != maxIdle {
			t.Errorf("%d wait, not %d", n, maxIdle)
		}

		block = make(chan struct{})
		w.do(workFunc(func() { <-block }))
		w.release()
		busy := w.idle
		w.do(workFunc(func() { done++ })) // is not one of those that were released
		synctest.Wait()
		if n := w.idle.Load(); n != 1 || done != 4 {
			t.Errorf("%d wait after a release, not 1; %d were done, not 4", n, done)
		}
		close(block)
		w.release()
		w.all.Wait() // or synctest says that they wait for ever
		if n := busy.Load(); n != 0 {
			t.Errorf("%d wait that were released", n)
		}
	})
}
