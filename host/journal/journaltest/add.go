package journaltest

// The part of the suite about what is added to values.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/journal"
)

// additionsAddUp: in the order of events, of lists, and of appends, exactly.
func additionsAddUp(t *testing.T, j journal.Values) {
	t.Helper()
	must(t, j.Append(t.Context(), start("r"),
		stores("r", 2, "s", "new", `+1.50`, "s", "set", `5`, "s", "set", `+2`, "s", "was", `+1`, "s", "was", `7`, "s", "gone", "", "s", "gone", `+3`),
		stores("r", 3, "s", "new", `+0.1`, "s", "new", `+0.2`, "s", "set", `+1`)))
	if got := listed(t, j, "s", "", "", 9); !slices.Equal(got, []string{"gone=3", "new=1.8", "set=8", "was=7"}) {
		t.Errorf("there is %v", got)
	}
	expectSize(t, j, "s", 4, 4+3+3+3+1+3+1+1)
	must(t, j.Append(t.Context(), start("q"), stores("q", 2, "s", "new", `+-1.8`, "s", "set", "", "s", "was", `+93`)))
	if got := listed(t, j, "s", "", "", 9); !slices.Equal(got, []string{"gone=3", "new=0", "was=100"}) {
		t.Errorf("there is %v", got)
	}
	expectSize(t, j, "s", 3, 4+3+3+1+1+3)
	expect(t, j, "q", start("q"), stores("q", 2, "s", "new", `+-1.8`, "s", "set", "", "s", "was", `+93`))
}

// additionsUponAnything: no append fails because of what is there; that stays.
func additionsUponAnything(t *testing.T, j journal.Values) {
	t.Helper()
	large := `"` + strings.Repeat("x", 1<<12) + `"`
	const most, least = `1e400`, `1e-400` // each within the bounds of sums, and not together
	must(t, j.Append(t.Context(), start("r"), stores("r", 2, "s", "text", `"one"`, "s", "null", `null`, "s", "large", large, "s", "most", most)))
	must(t, j.Append(t.Context(), stores("r", 3, "s", "text", `+1`, "s", "null", `+1`, "s", "large", `+1`, "s", "most", `+`+least, "s", "far", `+1e999`)))
	for key, want := range map[string]string{"text": `"one"`, "null": `null`, "large": large, "most": most, "far": ""} {
		expectValue(t, j, "s", key, want)
	}
	// In one append as in several: what is beyond the bounds is left out alone.
	must(t, j.Append(t.Context(), stores("r", 4, "s", "most", `+`+least, "s", "most", `+-`+most, "s", "text", `+1`, "s", "text", `2`, "s", "text", `+1`)))
	expectValue(t, j, "s", "most", `0`)
	expectValue(t, j, "s", "text", `3`)
	expectSize(t, j, "s", 4, int64(4+4+5+4+1+4+len(large)+1))
}

// additionsLikeAModel compares with one step after the other.
func additionsLikeAModel(t *testing.T, j journal.Values) {
	t.Helper()
	luck := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test wants the same every time
	want := map[string]int{}
	must(t, j.Append(t.Context(), start("r")))
	for seq := uint64(2); seq < 120; seq++ {
		var triples []string
		for range luck.IntN(6) {
			key, n := strconv.Itoa(luck.IntN(4)), luck.IntN(2000)-1000
			switch luck.IntN(6) {
			case 0:
				delete(want, key)
				triples = append(triples, "s", key, "")
			case 1:
				want[key] = n
				triples = append(triples, "s", key, strconv.Itoa(n))
			default:
				want[key] += n
				triples = append(triples, "s", key, "+"+strconv.Itoa(n))
			}
		}
		must(t, j.Append(t.Context(), stores("r", seq, triples...)))
		size := int64(0)
		for key := range 4 {
			text := ""
			if n, ok := want[strconv.Itoa(key)]; ok {
				text = strconv.Itoa(n)
				size += 1 + int64(len(text))
			}
			expectValue(t, j, "s", strconv.Itoa(key), text)
		}
		expectSize(t, j, "s", len(want), size)
	}
}

func additionsOfManyRuns(t *testing.T, j journal.Values) {
	t.Helper()
	const count, length = 20, 10
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			run := fmt.Sprint("r", i)
			err := j.Append(t.Context(), start(run))
			for n := uint64(0); err == nil && n < length; n++ {
				err = j.Append(t.Context(), stores(run, 2+n, "s", "n", `+1`))
			}
			if err != nil {
				t.Errorf("run %s: %v", run, err)
			}
		})
	}
	wg.Wait()
	expectValue(t, j, "s", "n", strconv.Itoa(count*length))
}
