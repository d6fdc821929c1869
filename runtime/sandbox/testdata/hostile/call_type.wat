;; Calls a table element of another type.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (table 1 1 funcref) (elem (i32.const 0) $run)
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (call_indirect (param i32) (i32.const 1) (i32.const 0)) (i64.const 0)))
