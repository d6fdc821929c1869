;; Its error document is no JSON.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 8) "hello")
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (i64.const 0x00000008_80000005)))
