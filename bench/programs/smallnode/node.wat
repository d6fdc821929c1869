;; The node of programs/cnode for where there is no clang: gives its input back.
;; Its entry count adds one to the number before the last brace of the document;
;; its entry ask asks a capability first. `wat2wasm node.wat` makes node.wasm.
(module
  (import "chainrun_v1" "call"
    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 2)
  (data (i32.const 0) "echo")

  ;; One document an attempt, between 1 KiB and 64 KiB.
  (func (export "chainrun_alloc") (param $size i32) (result i32)
    (if (result i32) (i32.gt_u (local.get $size) (i32.const 64000))
      (then (i32.const 0))
      (else (i32.const 1024))))

  (func $result (param $at i32) (param $len i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
      (i64.extend_i32_u (local.get $len))))

  (func (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (call $result (local.get $at) (local.get $len)))

  (func (export "chainrun_run_v1:ask") (param $at i32) (param $len i32) (result i64)
    (call $result
      (i32.const 65536)
      (i32.wrap_i64
        (call $call
          (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4)
          (local.get $at) (local.get $len) (i32.const 65536) (i32.const 65536)))))

  (func (export "chainrun_run_v1:count") (param $at i32) (param $len i32) (result i64)
    (local $p i32) (local $c i32)
    (local.set $p (i32.sub (i32.add (local.get $at) (local.get $len)) (i32.const 2)))
    (loop $carry
      (local.set $c (i32.load8_u (local.get $p)))
      (if (i32.eq (local.get $c) (i32.const 0x39)) ;; 9
        (then
          (i32.store8 (local.get $p) (i32.const 0x30))
          (local.set $p (i32.sub (local.get $p) (i32.const 1)))
          (br $carry))))
    (if (i32.eq (local.get $c) (i32.const 0x3a)) ;; : so a digit more
      (then
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (memory.copy
          (i32.add (local.get $p) (i32.const 1)) (local.get $p)
          (i32.sub (i32.add (local.get $at) (local.get $len)) (local.get $p)))
        (i32.store8 (local.get $p) (i32.const 0x31))
        (local.set $len (i32.add (local.get $len) (i32.const 1))))
      (else
        (i32.store8 (local.get $p) (i32.add (local.get $c) (i32.const 1)))))
    (call $result (local.get $at) (local.get $len))))
