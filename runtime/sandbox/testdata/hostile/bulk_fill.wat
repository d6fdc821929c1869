;; Fills its memory again and again, one instruction each.
(module
  (memory (export "memory") 1024)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864)) (br 0)) unreachable))
