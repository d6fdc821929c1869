;; Divides by zero.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (i64.div_s (i64.const 1) (i64.extend_i32_u (i32.const 0)))))
