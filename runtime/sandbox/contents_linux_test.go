package sandbox

import (
	"os"
	"strings"
	"testing"
)

// Native code is executed where it lies in the file, where the system lets it.
func TestCacheMaps(t *testing.T) {
	_, path := cached(t)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	can := canExecute(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !can {
		t.Skip("files cannot be executed here")
	}
	_, p := loads(t, path, true)
	if p == nil {
		t.Fatal("it does not load")
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	var mapped []string
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, path) {
			mapped = append(mapped, line)
		}
	}
	if len(mapped) != 1 || !strings.Contains(mapped[0], " r-xp ") {
		t.Errorf("of the file is mapped: %q", mapped)
	}
	// Gone with the file's name, it still runs.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if v, _ := call(t, p, Call{Input: []byte(`[1,2]`)}); v["sum"] != 3.0 {
		t.Errorf("got %v", v)
	}
}
