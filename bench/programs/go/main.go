//go:build wasip1

// Programs for the benchmarks in plain Go: a reactor module with an export for
// each; csv, json, regexp and template are what the standard nodes are made of. Go
// compiles every function to one loop around a jump table, which is the hard case
// for anything that rewrites loops.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

func main() {}

type order struct {
	ID    int               `json:"id"`
	Name  string            `json:"name"`
	Price float64           `json:"price"`
	Tags  []string          `json:"tags"`
	Extra map[string]string `json:"extra"`
}

func someOrders() []order {
	orders := make([]order, 20)
	for i := range orders {
		orders[i] = order{i, fmt.Sprintf("order %d", i), float64(i) * 1.25, []string{"a", "b"}, map[string]string{"k": "v"}}
	}
	return orders
}

//go:wasmexport json
func runJSON(n uint32) uint32 {
	orders := someOrders()
	sum := 0
	for range n {
		raw, err := json.Marshal(orders)
		if err != nil {
			panic(err)
		}
		var back []order
		if err := json.Unmarshal(raw, &back); err != nil {
			panic(err)
		}
		sum += len(raw) + back[7].ID
	}
	return uint32(sum)
}

//go:wasmexport sha256
func runSHA256(n uint32) uint32 {
	data := bytes.Repeat([]byte("chainrun"), 512)
	var sum [32]byte
	for range n {
		sum = sha256.Sum256(data)
		copy(data, sum[:])
	}
	return binary.LittleEndian.Uint32(sum[:])
}

//go:wasmexport sort
func runSort(n uint32) uint32 {
	values := make([]string, 2000)
	sum, seed := uint32(0), uint32(1)
	for r := range n {
		for i := range values {
			seed = seed*1664525 + 1013904223
			values[i] = fmt.Sprintf("%08x", seed)
		}
		slices.SortFunc(values, strings.Compare)
		sum += uint32(values[r%2000][3])
	}
	return sum
}

var word = regexp.MustCompile(`(\w+)@(\w+)\.(com|org|net)`)

//go:wasmexport regexp
func runRegexp(n uint32) uint32 {
	text := strings.Repeat("write to someone@example.org or nobody at example, not to x@y.z; ", 30)
	sum := 0
	for range n {
		sum += len(word.FindAllStringSubmatchIndex(text, -1))
	}
	return uint32(sum)
}

//go:wasmexport csv
func runCSV(n uint32) uint32 {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	for _, o := range someOrders() {
		if err := w.Write([]string{fmt.Sprint(o.ID), o.Name, fmt.Sprint(o.Price), `said "so", and more`}); err != nil {
			panic(err)
		}
	}
	w.Flush()
	sum := 0
	for range n {
		rows, err := csv.NewReader(bytes.NewReader(text.Bytes())).ReadAll()
		if err != nil {
			panic(err)
		}
		sum += len(rows) + len(rows[5][3])
	}
	return uint32(sum)
}

var letter = template.Must(template.New("letter").Parse(
	`{{range .}}{{if gt .Price 5.0}}{{.ID}}. {{.Name | printf "%-12s"}}: {{.Price | html}}{{range .Tags}} #{{.}}{{end}}
{{end}}{{end}}`))

//go:wasmexport template
func runTemplate(n uint32) uint32 {
	orders := someOrders()
	sum := 0
	for range n {
		var out strings.Builder
		if err := letter.Execute(&out, orders); err != nil {
			panic(err)
		}
		sum += out.Len()
	}
	return uint32(sum)
}
