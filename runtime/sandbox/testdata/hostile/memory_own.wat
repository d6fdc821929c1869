;; Grows its memory to its own maximum and traps: no cap is involved.
(module
  (memory (export "memory") 1 8)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable))
