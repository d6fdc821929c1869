// What the summary says, and that it can say it of every goal.
package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGoals has every goal's figure set somewhere, and every figure that is set be a
// goal's.
func TestGoals(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range sources {
		if path == "goals.go" || strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(source)
	}
	names := map[string]bool{}
	for _, goal := range goals {
		if names[goal.figure] {
			t.Errorf("two goals of %s", goal.figure)
		}
		names[goal.figure] = true
		name, _, _ := strings.Cut(goal.figure, ".")
		if !slices.ContainsFunc(tables, func(t table) bool { return t.name == name }) {
			t.Errorf("%s: there is no table %s", goal.figure, name)
		}
		if goal.most > 0 && goal.least > 0 {
			t.Errorf("%s has two bounds", goal.figure)
		}
		if !strings.Contains(all.String(), `"`+goal.figure+`"`) && name != "fresh" { // which puts its names together
			t.Errorf("no table sets %s", goal.figure)
		}
	}
	for _, set := range regexp.MustCompile(`\.set\("([a-z]+\.[a-z]+)"`).FindAllStringSubmatch(all.String(), -1) {
		if !names[set[1]] {
			t.Errorf("%s is set, and there is no goal of it", set[1])
		}
	}
}

func TestSummary(t *testing.T) {
	var b strings.Builder
	found := figures{}
	found.set("fuel.mean", 1.099, "a peer's %.2f", 1.2)
	found.set("fuel.worst", 1.301, "")
	found.set("start.binary", 61.95, "")
	found.set("step.js", 100, "")
	found.summary(&page{w: &b}, []string{"fuel", "start", "step"})
	for _, line := range []string{
		`geometric mean of all programs +≤ 1\.10 × +1\.10 × +yes +a peer's 1\.20`,
		`the worst program +≤ 1\.30 × +1\.30 × +NO`,
		`binary's size +62\.0 MB +stated`,
		`LangGraph\.js takes +≥ 100 × +100 × +yes`,
		`LangGraph \(Python\) takes +≥ 100 × +- +- +not measured: see table step`,
		`(?m)^2 of \d+ goals met$`,
	} {
		if !regexp.MustCompile(line).MatchString(b.String()) {
			t.Errorf("no line %q in\n%s", line, b.String())
		}
	}
	if strings.Contains(b.String(), "10,000 nodes") {
		t.Error("a goal of a table that was not printed")
	}
}

// TestReadme has the page name every table, and no other.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		named = append(named, row[1])
	}
	var want []string
	for _, table := range tables {
		want = append(want, table.name)
	}
	if !slices.Equal(named, want) {
		t.Errorf("README.md has rows for %v, the program prints %v", named, want)
	}
}
