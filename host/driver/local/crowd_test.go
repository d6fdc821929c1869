package local_test

// Many runs of all kinds at once.

import (
	"bytes"
	"runtime"
	"testing"
	"testing/synctest"
)

// alone fails the test where others of its bubble are left, waiting for whatever it is.
func alone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	var bubble []byte
	for i, one := range bytes.Split(all, []byte("\n\n")) {
		title, _, _ := bytes.Cut(one, []byte("\n"))
		if _, own, ok := bytes.Cut(title, []byte("synctest bubble ")); ok {
			own = bytes.TrimRight(own, "]:")
			if i == 0 {
				bubble = own
			} else if bytes.Equal(own, bubble) && bytes.Contains(one, []byte("driver/local.(")) {
				t.Errorf("left behind: %s", one)
			}
		}
	}
	if bubble == nil {
		t.Errorf("no bubble: %s", all)
	}
}
