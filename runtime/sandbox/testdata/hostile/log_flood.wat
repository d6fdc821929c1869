;; Writes lines to stderr, ten thousand of a hundred bytes, then answers.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "\40\00\00\00\64\00\00\00")
  (data (i32.const 64) "line line line line line line line line line line line line line line line line line line line line\0a")
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (local $n i32)
    (loop
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get $n) (i32.const 10000))))
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))))
