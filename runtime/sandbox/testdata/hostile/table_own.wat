;; Grows a table to its own maximum and traps: no cap is involved.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (table 1 100 funcref)
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (loop (br_if 0 (i32.ne (table.grow 0 (ref.null func) (i32.const 10)) (i32.const -1)))) unreachable))
