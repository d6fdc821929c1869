package sandbox_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"log"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// A reactor that gives its input back, unless that begins with an exclamation
// mark: then it never returns.
//
//	(module
//	  (memory (export "memory") 1)
//	  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
//	  (func (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
//	    (loop $again
//	      (br_if $again (i32.eq (i32.load8_u (local.get $at)) (i32.const 33))))
//	    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))))
const echo = "0061736d01000000010c0260017f017f60027f7f017e03030200010503010001072d03066d656d6f727902000e636861696e" +
	"72756e5f616c6c6f6300000f636861696e72756e5f72756e5f763100010a210205004180080b1900034020002d00004121460d00" +
	"0b2000ad4220862001ad840b"

func Example() {
	ctx := context.Background()
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = engine.Close(ctx) }()

	wasm, err := hex.DecodeString(echo)
	if err != nil {
		log.Fatal(err)
	}
	m, err := module.Read(wasm)
	if err != nil {
		log.Fatal(err)
	}
	program, err := engine.Compile(ctx, m)
	if err != nil {
		log.Fatal(err)
	}
	for _, input := range []string{`{"n":1}`, `!`} {
		result, err := program.Call(ctx, sandbox.Call{
			Input:  []byte(input),
			Limits: sandbox.Limits{Fuel: 1_000_000},
		})
		switch {
		case err != nil:
			log.Fatal(err)
		case result.Stop != nil:
			fmt.Printf("%s: %s\n", result.Stop.Reason, result.Stop.Message)
		default:
			fmt.Printf("%s for %d of fuel\n", result.Output, result.Fuel)
		}
	}
	// Output:
	// {"n":1} for 15 of fuel
	// fuel_exhausted: fuel of 1000000 used up in function "chainrun_run_v1"
}
