package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/cassette"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// origins are the attempts of a run that the cache answered, and how many were executed.
func origins(r *host.Run) (hits []event.Origin, executed int) {
	for e := range r.Events() {
		if b, ok := e.Body.(event.AttemptSucceeded); ok {
			if b.From != nil {
				hits = append(hits, *b.From)
			} else {
				executed++
			}
		}
	}
	return hits, executed
}

func mustRun(t *testing.T, h *host.Host, g *host.Graph, input string, options ...host.RunOption) *host.Run {
	t.Helper()
	r, err := h.Run(t.Context(), g, json.RawMessage(input), options...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const pure = "version = 1\nchain = ['%s']\n[nodes.%[1]s]\nmodule = 'echo.wasm'\ncache = true\n"

// Graphs share what equal nodes have made, in one process and in the next; who reads
// the digest cannot tell.
func TestCacheAcrossGraphs(t *testing.T) {
	for name, store := range map[string]func() journal.Journal{
		"memory": func() journal.Journal { return memory.New() },
		"sqlite": func() journal.Journal {
			s, err := sqlite.Open(t.Context(), t.TempDir()+"/runs.db", sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := store()
			h := newHost(t, host.WithJournal(j))
			one, other := load(t, h, fmt.Sprintf(pure, "a")), load(t, h, fmt.Sprintf(pure, "b"))
			first := mustRun(t, h, one, `{"n":1}`)
			if hits, executed := origins(first); len(hits) != 0 || executed != 1 {
				t.Fatal(hits, executed)
			}
			// A seed and a time of its own make no difference.
			hits, executed := origins(mustRun(t, h, other, `{"n":1}`, host.WithSeed(event.Seed{1})))
			want := event.Origin{Run: first.ID(), Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}}
			if len(hits) != 1 || hits[0] != want || executed != 0 {
				t.Error(hits, executed)
			}
			again := mustRun(t, newHost(t, host.WithJournal(j)), one, `{"n":1}`)
			if hits, _ := origins(again); len(hits) != 1 {
				t.Error(hits)
			}
			fresh := mustRun(t, newHost(t), one, `{"n":1}`)
			if hits, _ := origins(fresh); len(hits) != 0 {
				t.Error(hits)
			}
			for _, r := range []*host.Run{again, fresh} {
				if v, w := r.View(), first.View(); v.Digest != w.Digest || v.Fuel != w.Fuel || v.Fuel == 0 {
					t.Errorf("digest %s, fuel %d; want %s and %d", v.Digest, v.Fuel, w.Digest, w.Fuel)
				}
			}
			got, err := h.Replay(t.Context(), again.ID())
			if err != nil || !got.Identical || got.Attempts != 1 {
				t.Errorf("a hit is executed in a replay: %+v, %v", got, err)
			}
		})
	}
}

// Of 100 equal elements one is executed, where they come one after another.
func TestCacheOfElements(t *testing.T) {
	h := newHost(t)
	input := "[" + strings.Repeat(`{"n":1},`, 99) + `{"n":1}]`
	for _, c := range []struct {
		cache    string
		executed int
	}{{"", 100}, {"cache = true\n", 1}} {
		g := load(t, h, "version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'echo.wasm'\nforeach = 'input'\nconcurrency = 1\n"+c.cache)
		r := mustRun(t, h, g, input)
		if _, executed := origins(r); executed != c.executed || r.Output().String() != input {
			t.Errorf("%q: %d executed, %s", c.cache, executed, r.Failure())
		}
	}
}

// A corrective attempt is another one than the first, as it has feedback.
func TestCacheOfACorrectiveAttempt(t *testing.T) {
	h := newHost(t)
	text := fmt.Sprintf(pure, "a") + "output_schema = {type = 'object', required = ['%s']}\nretry = [{on = ['invalid_output'], max_attempts = 2, initial_interval = '0s'}]\n"
	r := mustRun(t, h, load(t, h, fmt.Sprintf(text, "m")), `{"n":1}`)
	if f := r.Failure(); f == nil || f.Attempt != 2 {
		t.Fatal(f)
	}
	if hits, executed := origins(mustRun(t, h, load(t, h, fmt.Sprintf(text, "n")), `{"n":1}`)); len(hits) != 0 || executed != 1 {
		t.Error("a failure was kept", hits)
	}
}

// A node that may ask the world cannot have a cache, unless by a default that is for
// others.
func TestCacheIsRefused(t *testing.T) {
	h := newHost(t, host.WithCapability("kv", kv.New(memory.New())))
	text := "version = 1\nname = 'g'\nchain = ['a', 'b']\n[defaults]\ncache = %t\n[nodes.a]\nmodule = 'echo.wasm'\ncache = %t\n[nodes.a.grants.kv]\n[nodes.b]\nmodule = 'echo.wasm'\n"
	_, err := h.LoadFS(files(fmt.Sprintf(text, false, true)), "graph.toml")
	found, ok := errors.AsType[graph.Diagnostics](err)
	if !ok || len(found) != 1 || found[0].Line != 8 || found[0].Code != graph.CodeBadValue || !strings.Contains(found[0].Text, "granted kv") {
		t.Errorf("%v", err)
	}
	g := load(t, h, fmt.Sprintf(text, true, false))
	if a, b := g.Definition().Node("a"), g.Definition().Node("b"); a.Cache || !b.Cache {
		t.Error(a.Cache, b.Cache)
	}
}

// A run from a cassette has the cache, too; and so has one that is resumed.
func TestCacheOfRunsThatGoOn(t *testing.T) {
	j := memory.New()
	h := newHost(t, host.WithJournal(j))
	before := mustRun(t, h, load(t, h, fmt.Sprintf(pure, "a")), `{"n":1}`)
	tape, err := cassette.Read(strings.NewReader(`{"chainrun_cassette":1,"graph":"g"}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, h, load(t, h, fmt.Sprintf(pure, "b")), `{"n":1}`, host.WithCassette(tape))
	if hits, _ := origins(r); len(hits) != 1 || r.View().Digest == before.View().Digest {
		t.Error(hits)
	}

	// The first attempt of this run is in the journal, and nobody carried it out.
	whole := mustRun(t, newHost(t), load(t, h, fmt.Sprintf(pure, "c")), `{"n":1}`)
	f := &frail{Journal: j, left: 1, stored: true}
	lost, err := newHost(t, host.WithJournal(f)).Start(t.Context(), load(t, newHost(t, host.WithJournal(f)), fmt.Sprintf(pure, "c")), json.RawMessage(`{"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := lost.Wait(); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	resumed, err := h.Resume(t.Context(), lost.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := resumed.Wait(); err != nil {
		t.Fatal(err)
	}
	if hits, _ := origins(resumed); len(hits) != 1 || resumed.View().Digest != whole.View().Digest {
		t.Error(hits, resumed.View().Digest, whole.View().Digest)
	}
	if got, err := h.Replay(t.Context(), resumed.ID()); err != nil || !got.Identical || len(got.Engines) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// brokenCache is a store whose outputs cannot be read.
type brokenCache struct{ *memory.Journal }

func (brokenCache) Cached(context.Context, string) (event.AttemptSucceeded, event.Origin, bool, error) {
	return event.AttemptSucceeded{}, event.Origin{}, false, errors.New("a page is damaged")
}

// A store that cannot look outputs up is told of, and the nodes are executed.
func TestCacheThatIsBroken(t *testing.T) {
	var log strings.Builder
	h := newHost(t, host.WithJournal(brokenCache{memory.New()}), host.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	r := mustRun(t, h, load(t, h, fmt.Sprintf(pure, "a")), `{"n":1}`)
	if hits, executed := origins(r); len(hits) != 0 || executed != 1 || !strings.Contains(log.String(), "a page is damaged") {
		t.Error(hits, executed, log.String())
	}
}

// What a cached node sees of clock and chance depends on what it is given alone.
func TestCacheClockAndSeed(t *testing.T) {
	fsys := fstest.MapFS{
		"graph.toml":   {Data: []byte("version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'chance.wasm'\ncache = true\n")},
		"plain.toml":   {Data: []byte("version = 1\nchain = ['a']\n[nodes.a]\nmodule = 'chance.wasm'\n")},
		"chance.wasm":  {Data: moduletest.Chance()},
		"unused.empty": {},
	}
	output := func(name, input string, seed byte) string {
		h := newHost(t)
		g, err := h.LoadFS(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		r := mustRun(t, h, g, input, host.WithSeed(event.Seed{seed}))
		if r.Status() != event.Done {
			t.Fatal(r.Failure())
		}
		return r.Output().String()
	}
	if output("graph.toml", `1`, 1) != output("graph.toml", `1`, 2) || output("graph.toml", `1`, 1) == output("graph.toml", `2`, 1) {
		t.Error("cached", output("graph.toml", `1`, 1), output("graph.toml", `1`, 2), output("graph.toml", `2`, 1))
	}
	if output("plain.toml", `1`, 1) == output("plain.toml", `1`, 2) {
		t.Error("a node without a cache has the run's seed", output("plain.toml", `1`, 1))
	}
}
