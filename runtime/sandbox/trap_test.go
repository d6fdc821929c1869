package sandbox

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
)

// A failure names the function in which it happened and whose calls led there: as the
// author knows them, and alike in both engines, however deep the calls were.
func TestWhere(t *testing.T) {
	const around = `(memory (export "memory") 1)
		(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
		(func (export "chainrun_run_v1") (param i32 i32) (result i64) (call $outer (local.get 1)) (i64.const 0))
		(func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))) (else (unreachable))))
		(func $a (call $b)) (func $b (call $a))
		(func $long_`
	long := strings.Repeat("x", 150)
	for name, c := range map[string]struct {
		body   string // of $outer
		limits Limits
		want   string
	}{
		"a trap":     {`(unreachable)`, Limits{}, `unreachable in function "outer", called by "chainrun_run_v1"`},
		"recursion":  {`(call $deep (i32.const 5))`, Limits{}, `unreachable in function "deep" (6 times), called by "outer", "chainrun_run_v1"`},
		"deeper":     {`(call $deep (i32.const 100))`, Limits{}, `unreachable in function "deep" (30 times) and others`},
		"in circles": {`(call $a)`, Limits{CallDepth: 1000}, `call depth 1000 exceeded in function "`},
		"too deep":   {`(call $deep (i32.const 100000))`, Limits{CallDepth: 1000}, `call depth 1000 exceeded in function "deep" (`},
		"fuel":       {`(loop $more (br $more))`, Limits{Fuel: 2_000_000}, `fuel of 2000000 used up in function "outer", called by "chainrun_run_v1"`},
		"long name":  {`(call $long_` + long + `)`, Limits{}, `unreachable in function "long_` + long[:95] + `", called by "outer", "chainrun_run_v1"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))` + around + long + ` (unreachable)) (func $outer (param i32) ` + c.body + `))`
			wasm := fromWAT(t, text)
			for _, interpreter := range []bool{false, true} {
				if interpreter && c.limits.CallDepth > 0 {
					continue // its own stack may end before
				}
				r, err := program(t, wasm, Config{Interpreter: interpreter}).Call(context.Background(), Call{Limits: c.limits})
				if err != nil || r.Stop == nil || !strings.HasPrefix(r.Stop.Message, c.want) {
					t.Errorf("interpreter %t: %v %+v\nwant %s", interpreter, err, r.Stop, c.want)
				}
				if r.Stop != nil && len(r.Stop.Message) > 2000 {
					t.Errorf("a message of %d bytes", len(r.Stop.Message))
				}
			}
		})
	}
}

// A C compiler's names are told, and of a stripped module at least the entry's. (Where
// binaryen is installed, clang -O1 strips them.)
func TestWhereInC(t *testing.T) {
	const source = `
#define EXPORT(name) __attribute__((export_name(name)))
extern unsigned char __heap_base;
EXPORT("chainrun_alloc") void *give(unsigned n) { return &__heap_base; }
__attribute__((noinline)) static int divide(volatile int *a, int b) { return *a / b; }
__attribute__((noinline)) static int average(int n) { volatile int x = n; return divide(&x, n - 2) + 1; }
EXPORT("chainrun_run_v1") unsigned long long run(const char *input, int len) { return average(len) * 2; }
`
	for _, c := range []struct{ flag, want string }{
		{"-Wl,--no-entry", `^integer divide by zero in function "divide", called by "average", "run"$`},
		{"-Wl,--no-entry,--strip-all", `^integer divide by zero in function \d+, called by \d+, "chainrun_run_v1"$`},
	} {
		wasm := build(t, "where"+c.flag, "clang", func(out string) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), "clang", "--target=wasm32", "-O0", "-nostdlib", c.flag, "-o", out, "-x", "c", "-")
			cmd.Stdin = strings.NewReader(source)
			return cmd
		})
		r, err := program(t, wasm, Config{}).Call(t.Context(), Call{Input: []byte("{}")})
		if err != nil || r.Stop == nil || !regexp.MustCompile(c.want).MatchString(r.Stop.Message) {
			t.Errorf("%v %+v\nwant %s", err, r.Stop, c.want)
		}
	}
}

// Names are a stranger's: they pass for nothing else, and their end in Rust is noise.
func TestFunctionName(t *testing.T) {
	p := &Program{module: &module.Module{}}
	for name, want := range map[string]string{
		"scorer::average::h0123456789abcdef": `"scorer::average"`,
		"h0123456789abcdef":                  `"h0123456789abcdef"`,
		"a\nb\"":                             `"a\nb\""`,
		"$x":                                 `"$x"`,
		"$77":                                "",
		"":                                   `""`,
	} {
		if got := p.functionName(name); got != want {
			t.Errorf("%q is called %s, want %s", name, got, want)
		}
	}
}

// Of what Go says after a panic the author's own functions are kept, of the goroutine
// that it happened in.
func TestGoStack(t *testing.T) {
	const dump = `goroutine 1 [running]:
panic({0x2b2c0?, 0x5d6c0?})
	/usr/lib/go/src/runtime/panic.go:783 +0x12
runtime.goPanicIndex(0x5, 0x3)
	/usr/lib/go/src/runtime/panic.go:115 +0x2
main.(*scorer).average(0x1bafb0, 0x2)
	/src/node/score.go:16 +0x4
main.run[...](...)
	/src/node/main.go:19
main.main()
	main.go:30 +0x2
created by main.start in goroutine 1
	/src/node/main.go:12 +0x2

goroutine 2 [select]:
main.other()
	/src/node/main.go:40 +0x2
`
	if got, want := goStack(dump), "main.(*scorer).average (score.go:16), main.run[...] (main.go:19), main.main (main.go:30)"; got != want {
		t.Errorf("the stack is %q, want %q", got, want)
	}
	if got := goStack("goroutine 1 [running]:\n" + strings.Repeat("main.f()\n\t/x.go:1\n", 9)); got != strings.TrimSuffix(strings.Repeat("main.f (x.go:1), ", goFrames), ", ") {
		t.Errorf("%q", got)
	}
}
