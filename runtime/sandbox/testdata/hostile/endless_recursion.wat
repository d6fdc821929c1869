;; Calls itself for ever.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $f (param i32) (result i32) (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (call $f (i32.const 0)) drop (i64.const 0)))
