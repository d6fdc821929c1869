;; Counts in memory and in a global, grows, and answers with both counts and the sizes it found.
(module
  (memory (export "memory") 1 64)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (global $g (mut i32) (i32.const 0))
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (i32.store (i32.const 4) (global.get $g))
    (i32.store (i32.const 8) (memory.size))
    (i32.store (i32.const 12) (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))))
    (drop (memory.grow (i32.load (local.get $at))))
    (memory.fill (i32.const 32768) (i32.const 170) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 32768)))
    (i64.const 0x00000000_00000010)))
