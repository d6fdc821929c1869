package sandbox

import (
	"os"
	"testing"
)

// offered opens what a strategy needs. Where it can, the strategy has to work.
func offered(t *testing.T, s ImageStrategy) {
	t.Helper()
	p := &pages{strategy: s, size: os.Getpagesize(), sampleEvery: sampleEvery, pagemap: -1, uffd: -1}
	p.scans.New = func() any { return new(pageScan) }
	defer p.close()
	switch {
	case s == ImagesCopy:
	case !p.open():
		t.Logf("%s is not offered here", s)
	case !p.works():
		t.Errorf("%s can be opened, but memories are not set back", s)
	}
}

// withoutMappings has the system give no more mappings during the test.
func withoutMappings(t *testing.T) {
	t.Helper()
	had := reservationsMax()
	reservations.Add(had)
	t.Cleanup(func() { reservations.Add(-had) })
}
