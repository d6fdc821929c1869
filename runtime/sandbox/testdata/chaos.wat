;; Does to its own state what a script asks for, and answers with a sum over all
;; that it has found and seen. %s: minimum and maximum of the memory, what
;; _initialize does, the table, what operation 13 does with it.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") %s)
  (table $t %s)
  (data (i32.const 8192) "what a module begins with")
  (global $a (mut i32) (i32.const 7))
  (global $b (mut i64) (i64.const 9))
  (global $f (mut f64) (f64.const 1.5))
  (global $h (mut i64) (i64.const 0)) ;; the sum
  (func $other)
  (elem declare func $other)

  (func (export "_initialize")
    (global.set $b (i64.const 11))
    (i64.store (i32.const 40960) (i64.const 0x0123456789abcdef))
    %s)

  ;; The script comes to lie in the first 4 KiB, the answer behind it.
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 64))

  (func $mix (param $v i64)
    (global.set $h (i64.mul (i64.xor (i64.rotl (global.get $h) (i64.const 13)) (local.get $v)) (i64.const 0x9e3779b97f4a7c15))))

  ;; Every 264th byte from 4 KiB on, so that each page and each place of a line is seen.
  (func $look (local $at i32) (local $end i32)
    (local.set $at (i32.const 4096))
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (loop $next
      (call $mix (i64.load (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 264)))
      (br_if $next (i32.lt_u (local.get $at) (i32.sub (local.get $end) (i32.const 8)))))
    (call $mix (i64.extend_i32_u (memory.size)))
    (call $mix (i64.extend_i32_u (global.get $a)))
    (call $mix (global.get $b))
    (call $mix (i64.reinterpret_f64 (global.get $f)))
    (call $mix (i64.extend_i32_u (table.size $t)))
    (call $mix (i64.extend_i32_u (ref.is_null (table.get $t (i32.const 0))))))

  (func $deep (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (call $deep (i32.sub (local.get $n) (i32.const 1))) (i32.const 1)))
      (else (i32.const 0))))

  ;; An address from 4 KiB on with room for n bytes.
  (func $place (param $x i32) (param $n i32) (result i32)
    (i32.add (i32.const 4096)
      (i32.rem_u (local.get $x)
        (i32.sub (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4096)) (local.get $n)))))

  (func $step (param $op i32) (param $x i32) (param $y i32)
    (block $13 (block $12 (block $11 (block $10 (block $9 (block $8 (block $7 (block $6
    (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
      (br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 $0 (local.get $op)))
      (i32.store (call $place (local.get $x) (i32.const 4)) (local.get $y)) (return))
      (global.set $a (local.get $y))
      (global.set $b (i64.extend_i32_u (local.get $x)))
      (global.set $f (f64.convert_i32_s (local.get $y))) (return))
      (call $mix (i64.extend_i32_s (memory.grow (i32.rem_u (local.get $x) (i32.const 12))))) (return))
      (memory.fill (call $place (local.get $x) (i32.const 20000)) (local.get $y) (i32.const 20000)) (return))
      (unreachable))
      (loop $ever (call $mix (i64.const 1)) (br $ever)) (return))
      (call $mix (i64.extend_i32_u (call $deep (i32.rem_u (local.get $x) (i32.const 1500))))) (return))
      (call $exit (i32.rem_u (local.get $x) (i32.const 3))) (return))
      (drop (call $random (call $place (local.get $x) (i32.const 64)) (i32.const 64))) (return))
      (drop (call $clock (i32.const 1) (i64.const 0) (call $place (local.get $x) (i32.const 8)))) (return))
      ;; a byte in each page of 4 KiB, or in every second one
      (local.set $op (i32.shl (i32.const 4096) (i32.and (local.get $x) (i32.const 1))))
      (local.set $x (i32.const 4096))
      (loop $next
        (i32.store8 (local.get $x) (local.get $y))
        (local.set $x (i32.add (local.get $x) (local.get $op)))
        (br_if $next (i32.lt_u (local.get $x) (i32.mul (memory.size) (i32.const 65536))))) (return))
      (call $look) (return))
      (memory.copy (call $place (local.get $x) (i32.const 9000)) (call $place (local.get $y) (i32.const 9000)) (i32.const 9000)) (return))
    %s)

  (func (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64) (local $end i32)
    (call $look)
    (local.set $end (i32.add (local.get $at) (local.get $len)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (call $step (i32.load8_u (local.get $at)) (i32.load (i32.add (local.get $at) (i32.const 1))) (i32.load (i32.add (local.get $at) (i32.const 5))))
        (local.set $at (i32.add (local.get $at) (i32.const 9)))
        (br $next)))
    (i64.store (i32.const 4000) (global.get $h))
    (i64.const 0x00000fa0_00000008)))
