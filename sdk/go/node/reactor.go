//go:build wasip1 && !chainrun_command

// The node as a reactor: chainrun's ABI, version 1 (docs/abi.md).

package node

import (
	"context"
	"encoding/json"
	"unsafe"
)

const isReactor = true

// What the host holds addresses of stays reachable in these variables until the
// next run; Go's collector does not move memory.
var (
	inputs [][]byte // given out by chainrun_alloc since the last run ended
	output []byte   // what chainrun_run_v1 returned
	answer = make([]byte, 4096)
)

//go:wasmexport chainrun_alloc
func alloc(size uint32) unsafe.Pointer {
	if size == 0 {
		size = 1
	}
	buffer := make([]byte, size)
	inputs = append(inputs, buffer)
	return unsafe.Pointer(unsafe.SliceData(buffer))
}

//go:wasmexport chainrun_run_v1
func runV1(input, size uint32) uint64 { return RunEntry("", input, size) }

// RunEntry runs an entry that [HandleEntry] registered. It is for the export of
// the entry, see there, and for nothing else.
func RunEntry(name string, input, size uint32) uint64 {
	current = reactor{}
	doc, err := run(context.Background(), name, given(input, size))
	inputs = nil
	if err == nil && uint64(len(doc)) >= 1<<31 {
		err = Errorf("bad_output", "the output has %d bytes; the ABI carries 2 GiB less one", len(doc))
	}
	if err != nil {
		return packed(errorDocument(err), 1)
	}
	return packed(doc, 0)
}

// given is the input that the host wrote: what chainrun_alloc gave out, of which
// the address is all that has come back.
func given(input, size uint32) []byte {
	for _, b := range inputs {
		if uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) == input && uint64(size) <= uint64(len(b)) {
			return b[:size]
		}
	}
	panic("node: the host gives an input that chainrun_alloc did not give out")
}

// packed keeps a document for the host and says where it is.
func packed(doc []byte, failed uint64) uint64 {
	output = doc
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | failed<<31 | uint64(len(output))
}

//go:wasmexport chainrun_describe_v1
func describeV1() uint64 {
	current = reactor{}
	manifest, err := describe()
	if err != nil {
		return packed(errorDocument(err), 1)
	}
	return packed(manifest, 0)
}

//go:wasmimport chainrun_v1 call
func hostCall(capability, method string, payload unsafe.Pointer, payloadSize uint32, answer unsafe.Pointer, answerCap uint32) uint64

// reactor is the host behind the ABI's one import.
type reactor struct{}

// Call implements [Host].
func (reactor) Call(capability, method string, payload []byte) ([]byte, error) {
	failed, size := ask(capability, method, payload)
	if size > len(answer) {
		answer = make([]byte, size)
		failed, size = ask("node", "answer", nil) // the same answer again, not the same call
	}
	got := answer[:min(size, len(answer))]
	if !failed {
		return got, nil
	}
	e := &CallError{Capability: capability, Method: method}
	if err := json.Unmarshal(got, e); err != nil {
		e.Code, e.Message = "capability_error", "the host's failure does not decode: "+err.Error()
	}
	return nil, e
}

// ask makes one host call into the answer buffer.
func ask(capability, method string, payload []byte) (failed bool, size int) {
	result := hostCall(capability, method,
		unsafe.Pointer(unsafe.SliceData(payload)), uint32(len(payload)),
		unsafe.Pointer(unsafe.SliceData(answer)), uint32(len(answer)))
	return result>>32 != 0, int(uint32(result))
}
