;; Answers with an error document after a refused growth.
(module
  (memory (export "memory") 1)
  (func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 8) "{\"code\":\"no_memory\"}")
  (func $run (export "chainrun_run_v1") (param $at i32) (param $len i32) (result i64)
    (drop (memory.grow (i32.const 65000))) (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 0x80000014))))
