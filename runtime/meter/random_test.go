package meter_test

// Random functions, run by the rewritten module on both engines and by a walk over their tree that counts each
// instruction one by one. All three must agree on result and fuel.

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// A statement leaves the stack as it was.
type statement struct {
	kind  statementKind
	value int64       // of assign: what is added
	label int         // of branches
	table []int       // of br_table; the last is the default
	call  int         // the callee
	body  []statement // of block, loop, then
	other []statement // of else
}

type statementKind int

const (
	doAssign statementKind = iota // x = x*5 + value
	doNop
	doBlock
	doLoop
	doIf
	doIfElse
	doBr
	doBrIf
	doBrTable
	doReturn
	doUnreachable
	doCall
	doTailCall
	doHost
	doFill
	doKinds
)

// A program is a list of functions (i64) -> i64 over one local x, which also makes the decisions.
type program [][]statement

func drawProgram(t *rapid.T) program {
	n := rapid.IntRange(1, 4).Draw(t, "functions")
	p := make(program, n)
	for i := range p {
		budget := 40
		p[i] = drawStatements(t, 1, n, &budget)
	}
	return p
}

func drawStatements(t *rapid.T, depth, functions int, budget *int) []statement {
	var list []statement
	for range rapid.IntRange(0, 5).Draw(t, "length") {
		if *budget--; *budget < 0 {
			break
		}
		s := statement{kind: statementKind(rapid.IntRange(0, int(doKinds)-1).Draw(t, "kind"))}
		if s.kind == doUnreachable && rapid.IntRange(0, 3).Draw(t, "rare") > 0 {
			s.kind = doAssign
		}
		label := func() int { return rapid.IntRange(0, depth-1).Draw(t, "label") }
		switch s.kind {
		case doAssign:
			s.value = rapid.Int64Range(-3, 1<<40).Draw(t, "value")
		case doBlock, doLoop, doIf:
			s.body = drawStatements(t, depth+1, functions, budget)
		case doIfElse:
			s.body = drawStatements(t, depth+1, functions, budget)
			s.other = drawStatements(t, depth+1, functions, budget)
		case doBr, doBrIf:
			s.label = label()
		case doBrTable:
			for range rapid.IntRange(1, 4).Draw(t, "targets") {
				s.table = append(s.table, label())
			}
		case doCall, doTailCall:
			s.call = rapid.IntRange(0, functions-1).Draw(t, "callee")
		case doNop, doReturn, doUnreachable, doHost, doFill, doKinds:
		}
		list = append(list, s)
	}
	return list
}

// Imports of the program's module: host takes x.
const randomHost = 0

// The condition of a branch is two of x's upper bits, which change with each assignment: local.get, i64.const, i64.shr_u,
// i32.wrap_i64, i32.const, i32.and.
var condition = cat([]byte{0x20, 0, 0x42, 60, 0x88, 0xa7, 0x41, 3, 0x71})

const conditionCost = 6

func decide(x int64) uint32 { return uint32(uint64(x)>>60) & 3 }

// isTrue makes the condition true one time in four, so that loops end: i32.eqz.
var isTrue = cat(condition, []byte{0x45})

// encode writes a statement without labels.
func encode(s statement) []byte {
	switch s.kind {
	case doAssign: // local.get, i64.const, i64.mul, i64.const, i64.add, local.set
		return cat([]byte{0x20, 0}, []byte{0x42}, sleb(mix), []byte{0x7e, 0x42}, sleb(s.value), []byte{0x7c, 0x21, 0})
	case doNop:
		return []byte{0x01}
	case doReturn:
		return []byte{0x20, 0, 0x0f}
	case doUnreachable:
		return []byte{0x00}
	case doCall:
		return cat([]byte{0x20, 0, 0x10}, leb(uint32(s.call+1)), []byte{0x21, 0})
	case doTailCall:
		return cat([]byte{0x20, 0, 0x12}, leb(uint32(s.call+1)))
	case doHost:
		return []byte{0x20, 0, 0x10, randomHost}
	case doFill: // a length of 0, 100, 200 or 300
		return cat([]byte{0x41, 0, 0x41, 1}, condition, []byte{0x41}, sleb(100), []byte{0x6c, 0xfc, 0x0b, 0})
	case doBlock, doLoop, doIf, doIfElse, doBr, doBrIf, doBrTable, doKinds:
	}
	return nil
}

// longest bounds what a random program can use between two looks at the fuel: its four functions of 40 statements, each
// once, generously. A loop or a recursion that passes no check goes far beyond.
const longest = 4 * 40 * 20

const mix = 0x5851f42d4c957f2d

// fixLabels marks the branches to the function's own label: those carry a value, others must not.
func fixLabels(list []statement, depth int) []statement {
	out := make([]statement, len(list))
	for i, s := range list {
		switch s.kind {
		case doBr, doBrIf:
			if s.label == depth-1 {
				s.label = toFunction
			}
		case doBrTable:
			// All targets of a table carry the same: none is the function, unless all are.
			table := make([]int, len(s.table))
			copy(table, s.table)
			all := true
			for _, l := range table {
				all = all && l == depth-1
			}
			for j, l := range table {
				if l == depth-1 && !all {
					table[j] = 0
				}
			}
			if all {
				s.kind = doReturn
			}
			s.table = table
		case doBlock, doLoop, doIf, doIfElse:
			s.body, s.other = fixLabels(s.body, depth+1), fixLabels(s.other, depth+1)
		case doAssign, doNop, doReturn, doUnreachable, doCall, doTailCall, doHost, doFill, doKinds:
		}
		out[i] = s
	}
	return out
}

const toFunction = -1

// encodeBody writes a function, which gives back x.
func encodeBody(list []statement) []byte {
	return cat([]byte{0}, encodeAt(list, 1), []byte{0x20, 0, 0x0b})
}

// encodeAt writes statements under so many labels. Branches to toFunction carry x, others nothing.
func encodeAt(list []statement, depth int) []byte {
	var b []byte
	for _, s := range list {
		switch s.kind {
		case doBlock:
			b = cat(b, []byte{0x02, 0x40}, encodeAt(s.body, depth+1), []byte{0x0b})
		case doLoop:
			b = cat(b, []byte{0x03, 0x40}, encodeAt(s.body, depth+1), []byte{0x0b})
		case doIf:
			b = cat(b, isTrue, []byte{0x04, 0x40}, encodeAt(s.body, depth+1), []byte{0x0b})
		case doIfElse:
			b = cat(b, isTrue, []byte{0x04, 0x40}, encodeAt(s.body, depth+1),
				[]byte{0x05}, encodeAt(s.other, depth+1), []byte{0x0b})
		case doBr:
			if s.label == toFunction {
				b = cat(b, []byte{0x20, 0, 0x0c}, leb(uint32(depth-1)))
			} else {
				b = cat(b, []byte{0x0c}, leb(uint32(s.label)))
			}
		case doBrIf:
			if s.label == toFunction {
				b = cat(b, []byte{0x20, 0}, isTrue, []byte{0x0d}, leb(uint32(depth-1)), []byte{0x1a})
			} else {
				b = cat(b, isTrue, []byte{0x0d}, leb(uint32(s.label)))
			}
		case doBrTable:
			b = cat(b, condition, []byte{0x0e}, leb(uint32(len(s.table)-1)))
			for _, l := range s.table {
				b = append(b, leb(uint32(l))...)
			}
		default:
			b = append(b, encode(s)...)
		}
	}
	return b
}

func (p program) wasm() []byte {
	functions, code := make([][]byte, len(p)), make([][]byte, len(p))
	for i, f := range p {
		functions[i] = []byte{0}
		code[i] = sized(encodeBody(f)...)
	}
	return cat([]byte(magic),
		section(1, []byte{0x60, 1, 0x7e, 1, 0x7e}, []byte{0x60, 1, 0x7e, 0}),
		section(2, cat(sized('e'), sized('h'), []byte{0, 1})),
		section(3, functions...),
		section(5, []byte{0, 1}),
		section(7, cat(sized('f'), []byte{0, 1})),
		section(10, code...),
	)
}

// walk runs a program over its tree.
type walk struct {
	p     program
	x     int64
	fuel  int64
	limit int64
	depth int
	calls []int64 // the fuel seen at each host call
	xs    []int64
}

var (
	errTrap  = errors.New("unreachable")
	errLimit = errors.New("limit")
)

// Where control goes after a statement: to the next (0), or out of so many blocks (n > 0), or out of the function.
const (
	goOn   = 0
	goBack = -1 // return
)

func (w *walk) function(n int, x int64) (int64, error) {
	if w.depth++; w.depth > 50 {
		return 0, errLimit
	}
	for {
		w.x = x
		w.fuel++
		where, tail, err := w.list(w.p[n])
		if err != nil {
			return 0, err
		}
		if where == goTail {
			n, x = tail, w.x
			continue
		}
		if where == goOn {
			w.fuel++ // local.get
		}
		w.depth--
		return w.x, nil
	}
}

const goTail = -2

func (w *walk) list(list []statement) (where, tail int, err error) {
	for i := range list {
		if where, tail, err = w.statement(&list[i]); where != goOn || err != nil {
			return where, tail, err
		}
	}
	return goOn, 0, nil
}

func (w *walk) statement(s *statement) (where, tail int, err error) {
	if w.fuel > w.limit {
		return 0, 0, errLimit
	}
	// branch counts the labels from the statement's own list: 1 leaves the innermost block.
	branch := func(label int) int {
		if label == toFunction {
			return goBack
		}
		return label + 1
	}
	yes := decide(w.x) == 0
	switch s.kind {
	case doAssign:
		w.fuel += 6
		w.x = w.x*mix + s.value
	case doNop, doKinds:
	case doBlock:
		where, tail, err = w.list(s.body)
		if where > 0 {
			where--
		}
	case doLoop:
		for {
			where, tail, err = w.list(s.body)
			if where != 1 || err != nil {
				break
			}
			if w.fuel++; w.fuel > w.limit { // a guard for turns that cost nothing
				return 0, 0, errLimit
			}
			w.fuel--
		}
		if where > 0 {
			where--
		}
	case doIf, doIfElse:
		w.fuel += conditionCost + 2
		if yes {
			where, tail, err = w.list(s.body)
		} else {
			where, tail, err = w.list(s.other)
		}
		if where > 0 {
			where--
		}
	case doBr:
		w.fuel++
		if s.label == toFunction {
			w.fuel++
		}
		return branch(s.label), 0, nil
	case doBrIf:
		w.fuel += conditionCost + 2
		if s.label == toFunction {
			w.fuel++
		}
		if yes {
			return branch(s.label), 0, nil
		}
	case doBrTable:
		w.fuel += conditionCost + 1
		return branch(s.table[min(int(decide(w.x)), len(s.table)-1)]), 0, nil
	case doReturn:
		w.fuel++
		return goBack, 0, nil
	case doUnreachable:
		return 0, 0, errTrap
	case doCall:
		w.fuel += 2
		if w.x, err = w.function(s.call, w.x); err != nil {
			return 0, 0, err
		}
		w.fuel++ // local.set
	case doTailCall:
		w.fuel += 2
		return goTail, s.call, nil
	case doHost:
		w.fuel += 2
		w.calls = append(w.calls, w.fuel)
		w.xs = append(w.xs, w.x)
	case doFill:
		w.fuel += 2 + conditionCost + 3
		w.fuel += int64(decide(w.x)) * 100 / 64
	}
	return where, tail, err
}

func TestRandomFunctions(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"compiler", "interpreter"} {
		t.Run(name, func(t *testing.T) {
			c := engines[name]().WithCoreFeatures(features)
			trapped, returned, loops := 0, 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				p := drawProgram(rt)
				for i := range p {
					p[i] = fixLabels(p[i], 1)
				}
				x := rapid.Int64().Draw(rt, "x")
				w := &walk{p: p, limit: 20_000}
				want, wantErr := w.function(0, x)
				if errors.Is(wantErr, errLimit) {
					loops++
				}
				m, err := module.Read(p.wasm())
				if err != nil {
					rt.Fatal(err)
				}
				metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
				if err != nil {
					rt.Fatal(err)
				}
				r := wazero.NewRuntimeWithConfig(ctx, c)
				defer func() { _ = r.Close(ctx) }()
				slice := uint64(rapid.SampledFrom([]int{1, 7, 1000, 1 << 40}).Draw(rt, "slice"))
				g := &guest{t: t, metered: metered, limit: 20_000 + 500, slice: slice}
				var calls, xs []int64
				host := func(_ context.Context, mod api.Module, stack []uint64) {
					calls = append(calls, int64(g.granted)-int64(g.global(mod, metered.FuelExport).Get()))
					xs = append(xs, int64(stack[0]))
				}
				yield := func(_ context.Context, mod api.Module, _ []uint64) { g.yield(mod) }
				if _, err = r.NewHostModuleBuilder("e").NewFunctionBuilder().
					WithGoModuleFunction(api.GoModuleFunc(host), []api.ValueType{api.ValueTypeI64}, nil).Export("h").Instantiate(ctx); err != nil {
					rt.Fatal(err)
				}
				if _, err = r.NewHostModuleBuilder(metered.YieldModule).NewFunctionBuilder().
					WithGoModuleFunction(api.GoModuleFunc(yield), nil, nil).Export(metered.YieldName).Instantiate(ctx); err != nil {
					rt.Fatal(err)
				}
				if g.mod, err = r.Instantiate(ctx, metered.Wasm); err != nil {
					rt.Fatalf("instantiating: %v", err)
				}
				g.global(g.mod, metered.DepthExport).Set(200)
				got, fuel, err := g.call("f", uint64(x))
				if g.lowest < -longest {
					rt.Fatalf("%d were used between two looks at the fuel", -g.lowest)
				}
				switch {
				case errors.Is(wantErr, errLimit):
					if err == nil {
						rt.Fatalf("it should not end, gave %v for %d", got, fuel)
					}
					return
				case errors.Is(wantErr, errTrap):
					trapped++
					if err == nil || errors.Is(err, errOutOfFuel) {
						rt.Fatalf("it should trap: %v, %v", got, err)
					}
				default:
					returned++
					if err != nil {
						rt.Fatalf("it should return %d: %v", want, err)
					}
					if int64(got[0]) != want {
						rt.Fatalf("result %d, want %d", int64(got[0]), want)
					}
				}
				if fuel != w.fuel {
					rt.Fatalf("fuel %d, want %d", fuel, w.fuel)
				}
				if len(calls) != len(w.calls) {
					rt.Fatalf("%d host calls, want %d", len(calls), len(w.calls))
				}
				for i := range calls {
					if calls[i] != w.calls[i] || xs[i] != w.xs[i] {
						rt.Fatalf("host call %d at fuel %d with %d, want %d with %d", i, calls[i], xs[i], w.calls[i], w.xs[i])
					}
				}
			})
			t.Logf("%d returned, %d trapped, %d did not end", returned, trapped, loops)
		})
	}
}
