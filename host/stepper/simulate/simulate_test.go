package simulate_test

import (
	"errors"
	"flag"
	"testing"

	"github.com/chainrun/chainrun/host/stepper/simulate"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay this one case, with its transcript; 0: many")
	seedsFlag = flag.Uint64("seeds", 5000, "how many cases are tried")
	firstFlag = flag.Uint64("first", 1, "the first of them")
)

// TestSeeds: "the same input, seed and node outcomes give the same states, step
// ids, documents, output and lineage digest, in whatever order parallel steps
// finish", and they are those of the reference.
//
//	go test ./host/stepper/simulate -run TestSeeds -seed 42
//	go test ./host/stepper/simulate -run TestSeeds -seeds 1000000
func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		c, err := simulate.New(*seedFlag)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(c.Transcript())
		report(t, c.Check())
		return
	}
	found := 0
	for seed := *firstFlag; seed < *firstFlag+*seedsFlag; seed++ {
		c, err := simulate.New(seed)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err != nil {
			report(t, err)
			if found++; found == 3 {
				t.FailNow()
			}
		}
	}
}

// report shows a mismatch, and the smallest graph that shows the same.
func report(t *testing.T, err error) {
	t.Helper()
	m, ok := errors.AsType[*simulate.MismatchError](err)
	if !ok {
		if err != nil {
			t.Error(err)
		}
		return
	}
	t.Errorf("%v\nreplay: go test ./host/stepper/simulate -run TestSeeds -seed %d\nmade smaller:\n%s", m, m.Case.Seed, m.Smaller().Transcript())
}
