// The goals, all of them here, and the summary that holds them against what the
// tables of the same run have measured.
package main

import (
	"fmt"
	"slices"
	"strings"
)

// A goal is one line of the summary.
type goal struct {
	figure string  // what a table reports it as: the table's name, a point, its own
	what   string  // in words
	unit   string  // of the figure and its bound
	most   float64 // the figure is to be at most this; 0: no such bound
	least  float64 // or at least this; without either the figure is only stated
}

var goals = []goal{
	{figure: "fuel.mean", what: "fuel: metered against not, geometric mean of all programs", unit: "×", most: 1.10},
	{figure: "fuel.worst", what: "fuel: the same, the worst program", unit: "×", most: 1.30},
	{figure: "fuel.depth", what: "fuel: with a cap on call depth too, geometric mean", unit: "×", most: 1.15},
	{figure: "fuel.exact", what: "fuel: programs whose count is Wasmtime's to the last instruction", unit: "%", least: 100},
	{figure: "fresh.go", what: "fresh state a call: Go reactor, 1 KB echo, by userfaultfd", unit: "µs", most: 10},
	{figure: "fresh.fallback", what: "fresh state a call: the same by the slowest fallback", unit: "µs", most: 100},
	{figure: "fresh.c", what: "fresh state a call: C reactor, 1 KB echo", unit: "µs", most: 4},
	{figure: "fresh.reset", what: "reset against no reset: Go reactor, real JSON handler", unit: "×", most: 1.05},
	{figure: "schema.walk", what: "schema check of a valid document of 1 KB, from its bytes", unit: "µs", most: 5},
	{figure: "schema.times", what: "schema check: santhosh v5's decoding and checking take", unit: "×", least: 20},
	{figure: "step.all", what: "a step in memory, all in: C reactor, 1 KB, schemas", unit: "µs", most: 15},
	{figure: "step.js", what: "a step in memory: LangGraph.js takes", unit: "×", least: 100},
	{figure: "step.python", what: "a step in memory: LangGraph (Python) takes", unit: "×", least: 100},
	{figure: "cores.times", what: "two cores against one: steps a second", unit: "×", least: 1.8},
	{figure: "durable.one", what: "durable: a step of one run against an fdatasync", unit: "×", most: 1.3},
	{figure: "durable.shared", what: "durable: steps a second of 64 runs against one, each step waits for the disk", unit: "×", least: 20},
	{figure: "langgraph.one", what: "durable: LangGraph.js on its SQLite takes, one run", unit: "×", least: 20},
	{figure: "langgraph.many", what: "durable: LangGraph.js on its SQLite takes, 64 runs at once", unit: "×", least: 20},
	{figure: "growth.linear", what: "store: bytes a step of 1,000 steps against those of 250", unit: "×", most: 1.1},
	{figure: "start.hello", what: "chainrun graphs/hello/graph.toml, warm cache, start to exit", unit: "ms", most: 40},
	{figure: "start.std", what: "the same, a graph of two standard nodes", unit: "ms"},
	{figure: "start.binary", what: "the binary's size", unit: "MB"},
	{figure: "compile.times", what: "cold compile of a Go module of 4 MB against wazero's own", unit: "×", most: 1.15},
	{figure: "blocked.c", what: "10,000 nodes that wait for an answer: C reactor, resident", unit: "MiB", most: 2048},
	{figure: "blocked.go", what: "10,000 nodes that wait for an answer: Go reactor, resident", unit: "MiB"},
	{figure: "extism.new", what: "an Extism plug-in, fresh a call, with a timeout: go-sdk takes", unit: "×"},
}

// figures are what the tables of a run have found, by name.
type figures map[string]figure

// A figure is one that a goal is about. beside is what it can be held against: a
// floor, or a peer's.
type figure struct {
	value  float64
	beside string
}

// set reports a figure of a table. That there is a goal for each is tested.
func (f figures) set(name string, value float64, beside string, args ...any) {
	f[name] = figure{value, fmt.Sprintf(beside, args...)}
}

// summary prints the goals of these tables.
func (f figures) summary(p *page, tables []string) {
	g := grid{{"what", "goal", "measured", "met", "beside"}}
	met, bounds := 0, 0
	for _, goal := range goals {
		table, _, _ := strings.Cut(goal.figure, ".")
		if !slices.Contains(tables, table) {
			continue
		}
		found, ok := f[goal.figure]
		row := []string{goal.what, goal.bound(), "-", "-", "not measured: see table " + table}
		if ok {
			row[2], row[3], row[4] = goal.quantity(found.value), goal.verdict(found.value), found.beside
		}
		if goal.bound() != "" {
			bounds++
		}
		if ok && goal.verdict(found.value) == "yes" {
			met++
		}
		g = append(g, row)
	}
	if len(g) == 1 {
		return
	}
	widest := 0
	for _, row := range g {
		widest = max(widest, len([]rune(row[4])))
	}
	for _, row := range g { // what is text stands to the left
		row[4] += strings.Repeat(" ", widest-len([]rune(row[4])))
	}
	p.printf("\nsummary: the goals, what this run has measured, and the floor or the peer beside it\n\n")
	g.print(p)
	if bounds > 0 {
		p.printf("\n%d of %d goals met\n", met, bounds)
	}
}

func (g goal) bound() string {
	switch {
	case g.most > 0:
		return "≤ " + g.quantity(g.most)
	case g.least > 0:
		return "≥ " + g.quantity(g.least)
	}
	return ""
}

func (g goal) verdict(value float64) string {
	switch {
	case g.bound() == "":
		return "stated"
	case g.most > 0 && value <= g.most, g.least > 0 && value >= g.least:
		return "yes"
	}
	return "NO"
}

// quantity rounds as far as a figure of its size can be trusted.
func (g goal) quantity(v float64) string {
	switch {
	case v >= 100, v == float64(int64(v)) && v >= 10:
		return fmt.Sprintf("%.0f %s", v, g.unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, g.unit)
	}
	return fmt.Sprintf("%.2f %s", v, g.unit)
}
