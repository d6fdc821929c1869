// A reactor for the sandbox's tests, without an SDK: it counts its calls,
// which every attempt has to see begin at zero.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
	"unsafe"
)

var (
	calls  int
	keep   [][]byte
	output []byte
)

//go:wasmexport chainrun_alloc
func alloc(size uint32) uint32 {
	b := make([]byte, size)
	keep = append(keep, b)
	return uint32(uintptr(unsafe.Pointer(&b[0])))
}

func result(b []byte, flag uint64) uint64 {
	output = b
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(output))))<<32 | flag<<31 | uint64(len(output))
}

//go:wasmimport chainrun_v1 call
func call(cap unsafe.Pointer, capLen uint32, method unsafe.Pointer, methodLen uint32, payload unsafe.Pointer, payloadLen uint32, answer unsafe.Pointer, answerCap uint32) uint64

func ask(capability, method, payload string) (string, bool) {
	buf := make([]byte, 16)
	for {
		r := call(unsafe.Pointer(unsafe.StringData(capability)), uint32(len(capability)),
			unsafe.Pointer(unsafe.StringData(method)), uint32(len(method)),
			unsafe.Pointer(unsafe.StringData(payload)), uint32(len(payload)),
			unsafe.Pointer(&buf[0]), uint32(len(buf)))
		if n := uint32(r); n > uint32(len(buf)) {
			buf = make([]byte, n)
			capability, method, payload = "node", "answer", ""
			continue
		} else {
			return string(buf[:n]), r>>32 == 0
		}
	}
}

//go:wasmexport chainrun_run_v1
func run(ptr, size uint32) uint64 {
	calls++
	input := unsafe.Slice((*byte)(unsafe.Pointer(uintptr(ptr))), size)
	var in struct {
		Do string `json:"do"`
	}
	if err := json.Unmarshal(input, &in); err != nil {
		return result([]byte(`{"code":"bad_input","message":"`+"no JSON"+`"}`), 1)
	}
	switch in.Do {
	case "fail":
		return result([]byte(`{"code":"out_of_stock","message":"sorry","retryable":true}`), 1)
	case "panic":
		panic("on purpose")
	case "grow":
		for range 40 {
			keep = append(keep, make([]byte, 1<<20))
		}
	case "sleep": // a goroutine, a timer, a channel
		woken := make(chan time.Duration)
		go func() {
			start := time.Now()
			time.Sleep(time.Hour)
			woken <- time.Since(start)
		}()
		return result(fmt.Appendf(nil, `{"slept":%q}`, (<-woken).Round(time.Second)), 0)
	case "ask":
		config, _ := ask("node", "config", "")
		feedback, _ := ask("node", "feedback", "")
		greeting, granted := ask("greeter", "greet", `{"name":"Ada"}`)
		ask("node", "log", `{"level":"warn","message":"careful","attrs":{"n":1}}`)
		println("to stderr")
		b, _ := json.Marshal(map[string]any{"config": config, "feedback": feedback, "greeting": greeting, "granted": granted})
		return result(b, 0)
	}
	b, _ := json.Marshal(map[string]any{
		"calls": calls, "time": time.Now().UnixNano(), "random": fmt.Sprint(rand.Uint64()), "kept": len(keep),
	})
	return result(b, 0)
}

//go:wasmexport chainrun_run_v1:echo
func echo(ptr, size uint32) uint64 {
	return uint64(ptr)<<32 | uint64(size)
}

func main() {}
