package journaltest

// The part of the suite for stores that keep values beyond the end of runs.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
)

// stores is an event that stores values: triples of space, key, JSON; "" deletes,
// and after a "+" it is added.
func stores(run string, seq uint64, triples ...string) event.Event {
	done := event.AttemptSucceeded{Attempt: event.Attempt{Step: "s", Node: "s", Number: 1}, Output: document.Null()}
	for t := range slices.Chunk(triples, 3) {
		s := event.Stored{Space: t[0], Key: t[1]}
		if add, ok := strings.CutPrefix(t[2], "+"); ok {
			s.Add = document.MustParse(add)
		} else if t[2] != "" {
			s.Value = document.MustParse(t[2])
		}
		done.Stored = append(done.Stored, s)
	}
	return event.Event{Run: run, Seq: seq, Time: epoch, Body: done}
}

func expectValue(t *testing.T, j journal.Values, space, key, want string) {
	t.Helper()
	got, err := j.Value(t.Context(), space, key)
	must(t, err)
	if string(got.Bytes()) != want {
		t.Errorf("%q in %q is %q, want %q", key, space, got.Bytes(), want)
	}
}

func listed(t *testing.T, j journal.Values, space, prefix, after string, limit int) (list []string) {
	t.Helper()
	entries, err := j.Values(t.Context(), space, prefix, after, limit)
	must(t, err)
	for _, e := range entries {
		list = append(list, e.Key+"="+string(e.Value.Bytes()))
	}
	return list
}

func expectSize(t *testing.T, j journal.Values, space string, keys int, bytes int64) {
	t.Helper()
	k, b, err := j.Size(t.Context(), space)
	must(t, err)
	if k != keys || b != bytes {
		t.Errorf("the size of %q is %d keys, %d bytes, want %d, %d", space, k, b, keys, bytes)
	}
}

func valuesComeBack(t *testing.T, j journal.Values) {
	t.Helper()
	expectValue(t, j, "a", "k", "")
	expectSize(t, j, "a", 0, 0)
	if list := listed(t, j, "a", "", "", 10); list != nil {
		t.Errorf("an empty space has %v", list)
	}
	const big = 1 << 20
	texts := map[string]string{
		"null": `null`, "spaced": "{ \"n\" :\n1.50e2 }", "text": `"\u00e9 \"\\ é"`, "nul \x00 key": `1`,
		"é/ü": `[]`, "big": `"` + strings.Repeat("x", big) + `"`, strings.Repeat("long", 500): `{}`, "%_": `true`,
	}
	triples := []string{}
	size := int64(0)
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		triples = append(triples, "a", key, texts[key])
		size += int64(len(key) + len(texts[key]))
	}
	triples = append(triples, "b", "null", `"other"`, "A", "k", `2`)
	must(t, j.Append(t.Context(), start("r"), stores("r", 2, triples...)))
	for key, text := range texts {
		expectValue(t, j, "a", key, text)
	}
	expectValue(t, j, "b", "null", `"other"`)
	expectValue(t, j, "A", "k", `2`)
	expectValue(t, j, "a", "k", "")
	expectValue(t, j, "a", "nul ", "")
	expectValue(t, j, "nobody", "null", "")
	expectSize(t, j, "a", len(texts), size)
	expectSize(t, j, "b", 1, 11)
	expectSize(t, j, "nobody", 0, 0)
}

func valuesListed(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), stores("r", 2,
		"s", "b", `1`, "s", "a", `2`, "s", "a/", `3`, "s", "a/b", `4`, "s", "a0", `5`, "s", "B", `6`,
		"s", "é", `7`, "s", "a%", `8`, "s", "a_", `9`, "s", "a\U0010FFFF", `10`, "s", "a\U0010FFFFx", `11`, "t", "a", `99`,
	)))
	all := []string{"B=6", "a=2", "a%=8", "a/=3", "a/b=4", "a0=5", "a_=9", "a\U0010FFFF=10", "a\U0010FFFFx=11", "b=1", "é=7"}
	for _, test := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"", "", 100, all},
		{"", "", 3, all[:3]},
		{"", "", 0, nil},
		{"", "", -1, nil},
		{"", "a/", 2, all[4:6]},
		{"", "a/a", 2, all[4:6]},
		{"", "é", 2, nil},
		{"", "zz", 100, all[10:]}, // "é" is greater than "z", by its bytes
		{"a", "", 100, all[1:9]},
		{"a/", "", 100, all[3:5]},
		{"a/", "a/", 100, all[4:5]},
		{"a/", "B", 100, all[3:5]},
		{"a/", "b", 100, nil},
		{"a%", "", 100, all[2:3]},
		{"a_", "", 100, all[6:7]},
		{"A", "", 100, nil},
		{"a\U0010FFFF", "", 100, all[7:9]},
		{"a\U0010FFFFx", "a\U0010FFFF", 1, all[8:9]},
		{"zz", "", 100, nil},
	} {
		if got := listed(t, j, "s", test.prefix, test.after, test.limit); !slices.Equal(got, test.want) {
			t.Errorf("prefix %q after %q limit %d: %q, want %q", test.prefix, test.after, test.limit, got, test.want)
		}
	}
}

func valuesDeleted(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), stores("r", 2, "s", "a", `1`, "s", "b", `2`)))
	must(t, j.Append(t.Context(), stores("r", 3, "s", "a", "", "s", "nobody", "", "nowhere", "a", "")))
	expectValue(t, j, "s", "a", "")
	if got := listed(t, j, "s", "", "", 9); !slices.Equal(got, []string{"b=2"}) {
		t.Errorf("left: %v", got)
	}
	expectSize(t, j, "s", 1, 2)
	expectSize(t, j, "nowhere", 0, 0)
	must(t, j.Append(t.Context(), stores("r", 4, "s", "b", "", "s", "a", `null`)))
	expectValue(t, j, "s", "a", `null`)
	expectSize(t, j, "s", 1, 5)
}

func lastWriteHolds(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"),
		stores("r", 2, "s", "a", `1`, "s", "a", `22`, "s", "b", `1`, "s", "b", ""),
		stores("r", 3, "s", "a", `333`, "s", "c", "", "s", "c", `1`)))
	if got := listed(t, j, "s", "", "", 9); !slices.Equal(got, []string{"a=333", "c=1"}) {
		t.Errorf("there is %v", got)
	}
	expectSize(t, j, "s", 2, 6)
	must(t, j.Append(t.Context(), start("q"), stores("q", 2, "s", "a", `4`)))
	expectValue(t, j, "s", "a", `4`)
	expectSize(t, j, "s", 2, 4)
}

// valuesWithAppend: what is refused stores nothing.
func valuesWithAppend(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), stores("r", 2, "s", "a", `1`)))
	for name, batch := range map[string][]event.Event{
		"a gap":            {stores("r", 4, "s", "a", `2`)},
		"a gap inside":     {stores("r", 3, "s", "a", `2`), next("r", 5)},
		"two runs":         {stores("r", 3, "s", "a", `2`), next("q", 4)},
		"written before":   {stores("r", 2, "s", "a", `2`)},
		"a run that never": {stores("q", 1, "s", "a", `2`)},
	} {
		if err := j.Append(t.Context(), batch...); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Append(ctx, stores("r", 3, "s", "a", `2`)); err == nil {
		t.Error("it was stored although its context had ended")
	}
	expectValue(t, j, "s", "a", `1`)
	expectSize(t, j, "s", 1, 2)
}

func valuesOutlive(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("q"), stores("q", 2, "s", "a", `1`), end("q", 3)))
	expectValue(t, j, "s", "a", `1`)
	if err := j.Append(t.Context(), stores("q", 4, "s", "a", `2`)); !errors.Is(err, journal.ErrFinished) {
		t.Errorf("storing after the end: %v", err)
	}
	expectValue(t, j, "s", "a", `1`)
	expect(t, j, "q", start("q"), stores("q", 2, "s", "a", `1`), end("q", 3))
}

// valuesLikeAMap compares with a map, over many random writes and readings.
func valuesLikeAMap(t *testing.T, j journal.Values) {
	t.Helper()
	luck := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test wants the same every time
	want := map[string]string{}
	key := func() string {
		return strings.Repeat([]string{"a", "b", "/"}[luck.IntN(3)], luck.IntN(3)) + strconv.Itoa(luck.IntN(12))
	}
	must(t, j.Append(t.Context(), start("r")))
	for seq := uint64(2); seq < 150; seq++ {
		var triples []string
		for range luck.IntN(4) {
			k, v := key(), strconv.FormatUint(luck.Uint64()>>luck.IntN(64), 10)
			if luck.IntN(3) == 0 {
				v = ""
				delete(want, k)
			} else {
				want[k] = v
			}
			triples = append(triples, "s", k, v)
		}
		must(t, j.Append(t.Context(), stores("r", seq, triples...)))
		prefix, after, limit := "", "", luck.IntN(20)
		if luck.IntN(2) == 0 {
			prefix = key()[:1]
		}
		if luck.IntN(2) == 0 {
			after = key()
		}
		var list []string
		size := int64(0)
		for _, k := range slices.Sorted(maps.Keys(want)) {
			size += int64(len(k) + len(want[k]))
			if strings.HasPrefix(k, prefix) && k > after && len(list) < limit {
				list = append(list, k+"="+want[k])
			}
		}
		if got := listed(t, j, "s", prefix, after, limit); !slices.Equal(got, list) {
			t.Fatalf("prefix %q after %q limit %d: %q, want %q", prefix, after, limit, got, list)
		}
		expectSize(t, j, "s", len(want), size)
	}
}

func valuesOfManyRuns(t *testing.T, j journal.Values) {
	t.Helper()
	const count, length = 20, 10
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			run := fmt.Sprint("r", i)
			err := j.Append(t.Context(), start(run))
			for n := uint64(0); err == nil && n < length; n++ {
				err = j.Append(t.Context(), stores(run, 2+n, "s", fmt.Sprint(run, ".", n), `1`, "s", "shared", `1`))
			}
			if err != nil {
				t.Errorf("run %s: %v", run, err)
			}
		})
	}
	wg.Wait()
	if keys, _, err := j.Size(t.Context(), "s"); err != nil || keys != count*length+1 {
		t.Errorf("%d keys, %v", keys, err)
	}
	if n := len(listed(t, j, "s", "r", "", 10_000)); n != count*length {
		t.Errorf("%d are listed", n)
	}
}

// wholeStores: a reader sees all that an append stores, or nothing of it.
func wholeStores(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), stores("r", 2, "s", "a", `0`, "s", "b", `0`)))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				list, err := j.Values(t.Context(), "s", "", "", 2)
				if err != nil || len(list) != 2 || !list[0].Value.Equal(list[1].Value) {
					t.Errorf("a reader saw %v, %v", list, err)
					return
				}
			}
		})
	}
	for n := uint64(3); n < 60; n++ {
		must(t, j.Append(t.Context(), stores("r", n, "s", "a", strconv.FormatUint(n, 10), "s", "b", strconv.FormatUint(n, 10))))
	}
	close(done)
	wg.Wait()
}

func valuesContextDone(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"), stores("r", 2, "s", "a", `1`)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := j.Value(ctx, "s", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Value: %s, %v", d, err)
	}
	if list, err := j.Values(ctx, "s", "", "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Values: %v, %v", list, err)
	}
	if keys, _, err := j.Size(ctx, "s"); !errors.Is(err, context.Canceled) {
		t.Errorf("Size: %v, %v", keys, err)
	}
}
