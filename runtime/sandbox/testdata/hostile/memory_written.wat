;; Grows its memory and writes all of it.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (local $p i32)
    (loop
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
      (memory.fill (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)) (i32.const 255) (i32.const 65536))
      (br 0))
    (i64.const 0)))
