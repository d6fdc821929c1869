;; Asks for its config for ever.
(module
  (import "chainrun_v1" "call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "nodeconfig")
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (loop (drop (call $call (i32.const 0) (i32.const 4) (i32.const 4) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 64))) (br 0)) unreachable))
