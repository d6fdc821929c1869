//go:build wasip1

// A node in Go without an SDK: gives its input back; its entry json decodes and
// encodes a document as real nodes do; its entry ask asks a capability.
package main

import (
	"encoding/json"
	"strings"
	"unsafe"
)

// What the host holds an address of must stay reachable.
var input, output []byte

//go:wasmimport chainrun_v1 call
func call(capability, method, payload string, answer unsafe.Pointer, answerCap uint32) uint64

//go:wasmexport chainrun_alloc
func alloc(size uint32) unsafe.Pointer {
	input = make([]byte, size)
	return unsafe.Pointer(unsafe.SliceData(input))
}

func result(b []byte) uint64 {
	output = b
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | uint64(len(output))
}

//go:wasmexport chainrun_run_v1
func run(_ unsafe.Pointer, size uint32) uint64 { return result(input[:size]) }

type order struct {
	Customer string `json:"customer"`
	Lines    []line `json:"lines"`
}

type line struct {
	SKU      string  `json:"sku"`
	Price    float64 `json:"price"`
	Quantity int     `json:"quantity"`
}

//go:wasmexport chainrun_run_v1:json
func handle(_ unsafe.Pointer, size uint32) uint64 { return result(total(input[:size])) }

func total(document []byte) []byte {
	var o order
	if err := json.Unmarshal(document, &o); err != nil {
		panic(err)
	}
	sum := 0.0
	for _, l := range o.Lines {
		sum += l.Price * float64(l.Quantity)
	}
	b, err := json.Marshal(map[string]any{"customer": strings.ToUpper(o.Customer), "total": sum, "lines": len(o.Lines)})
	if err != nil {
		panic(err)
	}
	return b
}

//go:wasmexport chainrun_run_v1:ask
func ask(_ unsafe.Pointer, size uint32) uint64 {
	answer := make([]byte, 64<<10)
	r := call("echo", "echo", string(input[:size]), unsafe.Pointer(unsafe.SliceData(answer)), uint32(len(answer)))
	return result(answer[:uint32(r)])
}

// What is the same for every document is prepared before the first: encoding/json
// looks at each type once.
func init() { total([]byte(`{"customer":"a","lines":[{"sku":"b","price":1,"quantity":1}]}`)) }

func main() {} // never runs in a reactor
