// The same node in every language, as a table: `make node-table`.

package conformance

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

var table = flag.Bool("table", false, "print size and speed of the entry total in every language")

// row is a language's line.
type row struct {
	language string
	bytes    int
	compile  time.Duration // cold, from the file to a program
	program  *sandbox.Program
	call     time.Duration // the least mean of a round
	fuel     uint64
	memory   uint64
}

const tableHead = "| language       | module, KB | cold compile, ms | a call, µs |    fuel | memory, KiB |"

const (
	tableRounds = 10
	roundTime   = 100 * time.Millisecond
)

// TestNodeTable measures the entry total with an order of about 1 KB. Rounds of
// the languages alternate, so that a machine's other work meets all alike.
func TestNodeTable(t *testing.T) {
	if !*table {
		t.Skip("`make node-table` prints the table")
	}
	input := []byte(`{"customer":"Ada Lovelace","lines":[` + strings.Repeat(`{"sku":"EARL-GREY-250","quantity":2,"cents":350},`, 19) + lastLine + `]}`)
	const want = `{"customer":"ADA LOVELACE","cents":13301,"lines":20}`

	var rows []*row
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) { rows = append(rows, newRow(t, l.name, l.build(t))) })
	}
	for range tableRounds {
		for _, r := range rows {
			calls, began := 0, time.Now()
			for time.Since(began) < roundTime {
				got, err := r.program.Call(context.Background(), sandbox.Call{Entry: "total", Input: input})
				if err != nil || got.Stop != nil || !sameJSON(got.Output, []byte(want)) {
					t.Fatalf("%s: got %s, %+v, %v", r.language, got.Output, got.Stop, err)
				}
				r.fuel, r.memory = got.Fuel, got.PeakMemoryBytes
				calls++
			}
			if mean := time.Since(began) / time.Duration(calls); r.call == 0 || mean < r.call {
				r.call = mean
			}
		}
	}

	fmt.Printf("\nThe entry `total` with an input of %d bytes:\n\n", len(input))
	fmt.Println(tableHead)
	fmt.Println("|----------------|-----------:|-----------------:|-----------:|--------:|------------:|")
	for _, r := range rows {
		fmt.Printf("| %-14s | %10.0f | %16d | %10.1f | %7d | %11d |\n", r.language,
			float64(r.bytes)/1000, r.compile.Milliseconds(), float64(r.call.Nanoseconds())/1000, r.fuel, r.memory>>10)
	}
	fmt.Println()
}

// newRow compiles a module in an engine of its own, where nothing is cached.
func newRow(t *testing.T, name string, wasm []byte) *row {
	t.Helper()
	engine, err := sandbox.New(context.Background(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	m, err := module.Read(wasm)
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return &row{language: name, bytes: len(wasm), compile: time.Since(began), program: program}
}

// The page's table is of languages that there are.
func TestNodeTablePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "node-languages.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	_, rest, _ := strings.Cut(string(page), "\n"+tableHead+"\n")
	for line := range strings.Lines(rest) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 {
			break
		}
		if name := strings.TrimSpace(cells[1]); !strings.HasPrefix(name, "---") {
			rows = append(rows, name)
		}
	}
	if len(rows) < 5 {
		t.Errorf("docs/node-languages.md has a table of %q: `make node-table` prints it", rows)
	}
	for _, row := range rows {
		if !slices.ContainsFunc(languages, func(l language) bool { return l.name == row }) {
			t.Errorf("docs/node-languages.md has a row of %q, which no SDK registers", row)
		}
	}
}
