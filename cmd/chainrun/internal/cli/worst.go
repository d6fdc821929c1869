package cli

// The worst case of a graph's runs, as `check` says it.

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/plan"
)

// worstCase is its form in JSON.
type worstCase struct {
	File string `json:"file"`
	worstFigures
	// Elements are for each element of a foreach, beside the figures above.
	Elements []worstElement `json:"elements"`
	// Waits are the steps that may rest for ever.
	Waits []string `json:"waits"`
}

type worstFigures struct {
	Steps    int64  `json:"steps"`
	Attempts int64  `json:"attempts"`
	Fuel     uint64 `json:"fuel"`
	TimeMS   int64  `json:"time_ms"`
	// What capabilities can be asked for; absent: nothing bounds it.
	Calls  *int64 `json:"calls,omitempty"`
	Tokens *int64 `json:"tokens,omitempty"`
	Cost   *int64 `json:"cost_billionths,omitempty"`
}

type worstElement struct {
	Step string `json:"step"`
	worstFigures
}

func figures(w plan.WorstCase) worstFigures {
	return worstFigures{
		Steps: w.Steps, Attempts: w.Attempts, Fuel: w.Fuel, TimeMS: w.Time.Milliseconds(),
		Calls: bounded(w.Calls), Tokens: bounded(w.Tokens), Cost: bounded(w.Cost),
	}
}

func bounded(n int64) *int64 {
	if n >= capability.Unlimited {
		return nil
	}
	return &n
}

func worstOf(name string, g *host.Graph) (worstCase, plan.WorstCase) {
	w := g.Plan().Worst()
	c := worstCase{File: name, worstFigures: figures(w), Elements: []worstElement{}, Waits: append([]string{}, w.Waits...)}
	for _, e := range w.Elements {
		c.Elements = append(c.Elements, worstElement{e.Step, figures(e.WorstCase)})
	}
	return c, w
}

// sayWorst is one line for a person, and one for each foreach.
func sayWorst(w plan.WorstCase) string {
	lines := []string{"  at worst: " + limits(w)}
	if len(w.Waits) > 0 {
		lines[0] += ", and as long as " + strings.Join(quoteAll(w.Waits), ", ") + " waits"
	}
	for _, e := range w.Elements {
		lines = append(lines, fmt.Sprintf("for each element of %q: %s", e.Step, limits(e.WorstCase)))
	}
	return strings.Join(lines, "\n")
}

func limits(w plan.WorstCase) string {
	fuel := thousands(w.Fuel)
	if w.Fuel == math.MaxUint64 {
		fuel += " or more"
	}
	last := "the time is not limited"
	switch {
	case w.Time == math.MaxInt64:
		last = "more than 290 years"
	case w.Time > 0:
		last = long(w.Time)
	}
	text := fmt.Sprintf("%s, %s of fuel, %s", count(int(w.Attempts), "attempt"), fuel, last)
	if w.Steps > 0 { // an element of a module has no steps of its own
		text = count(int(w.Steps), "step") + ", " + text
	}
	switch {
	case w.Calls >= capability.Unlimited:
		text += ", calls of capabilities without limit"
	case w.Calls > 0:
		text += fmt.Sprintf(", %s of capabilities", count(int(w.Calls), "call"))
	}
	return text
}

// long is a duration without the units that are zero: "2m", "1h30m".
func long(d time.Duration) string {
	text := d.Round(time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func quoteAll(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return quoted
}
