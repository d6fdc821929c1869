package host_test

import (
	"testing"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/journal/memory"
)

// A run with kv, a wait, a subgraph is replayed where no capability is offered.
func TestReplay(t *testing.T) {
	j := memory.New()
	h := countedHost(t, j)
	r, err := startCounted(t, h, t.Context(), host.WithRunID("r"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Replay(t.Context(), "r"); err != nil || !got.Identical || got.Attempts != 1 || got.Digest != "" {
		t.Errorf("under way: %+v, %v, %v", got, got.Divergence, err)
	}
	if err := r.Signal(t.Context(), "approve", map[string]any{"ok": true}); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*host.Host{
		"the same": h,
		"no kv":    newHost(t, host.WithJournal(j)),
		"empty kv": newHost(t, host.WithJournal(j), host.WithCapability("kv", kv.New(nil))),
	} {
		got, err := other.Replay(t.Context(), "r")
		if err != nil || !got.Identical || got.Attempts != 3 || got.Skipped != 0 || !got.FuelCompared || got.Digest != r.View().Digest {
			t.Errorf("%s: %+v, %v, %v", name, got, got.Divergence, err)
		}
	}
}
