;; Has its whole memory filled with random numbers for ever.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1024)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (loop (drop (call $random (i32.const 0) (i32.const 67108864))) (br 0)) unreachable))
