// Programs for the benchmarks in plain Go: a reactor module with an export for
// each. Go compiles every function to one loop around a jump table, which is the
// hard case for anything that rewrites loops.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func main() {}

type order struct {
	ID    int               `json:"id"`
	Name  string            `json:"name"`
	Price float64           `json:"price"`
	Tags  []string          `json:"tags"`
	Extra map[string]string `json:"extra"`
}

//go:wasmexport json
func runJSON(n uint32) uint32 {
	orders := make([]order, 20)
	for i := range orders {
		orders[i] = order{i, fmt.Sprintf("order %d", i), float64(i) * 1.25, []string{"a", "b"}, map[string]string{"k": "v"}}
	}
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
