package meter_test

// What must be refused before it is rewritten, because rewriting would make it valid or could not keep its meaning.

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// The holes: invalid modules whose one index too many is exactly what the rewriter adds.
func TestHoles(t *testing.T) {
	tests := []struct {
		name string
		body []byte
		text string
	}{
		{"reads the fuel global", []byte{0, 0x23, 1, 0x1a, 0x41, 0, 0x0b}, "global index 1"},
		{"refills the fuel global", []byte{0, 0x42, 0xff, 0, 0x24, 1, 0x41, 0, 0x0b}, "global index 1"},
		{"refills the depth global", []byte{0, 0x41, 0xff, 0, 0x24, 3, 0x41, 0, 0x0b}, "global index 3"},
		{"refills the fuel local", []byte{0, 0x42, 0xff, 0, 0x21, 0, 0x41, 0, 0x0b}, "local index 0"},
		{"reads the fuel local", []byte{0, 0x20, 0, 0x1a, 0x41, 0, 0x0b}, "local index 0"},
		{"tees the fuel local behind its own", []byte{1, 2, 0x7f, 0x42, 1, 0x22, 2, 0x1a, 0x41, 0, 0x0b}, "local index 2"},
		{"calls the refuel function", []byte{0, 0x42, 1, 0x10, 1, 0x1a, 0x41, 0, 0x0b}, "function index 1"},
		{"calls the yield function", []byte{0, 0x10, 2, 0x41, 0, 0x0b}, "function index 2"},
		{"takes a reference to an added function", []byte{0, 0xd2, 1, 0x1a, 0x41, 0, 0x0b}, "function index 1"},
		{"tail-calls an added function", []byte{0, 0x12, 1, 0x0b}, "function index 1"},
		{"calls with an added type", []byte{0, 0x41, 0, 0x11, 1, 0, 0x41, 0, 0x0b}, "type index 1"},
		{"tail-calls with an added type", []byte{0, 0x41, 0, 0x13, 1, 0, 0x0b}, "type index 1"},
		{"a block of an added type", []byte{0, 0x02, 1, 0x0b, 0x41, 0, 0x0b}, "type of a block"},
		{"branches around the flush", []byte{0, 0x41, 0, 0x0c, 1, 0x0b}, "outside of the function"},
		{"branches around the flush, sometimes", []byte{0, 0x41, 0, 0x41, 0, 0x0d, 1, 0x0b}, "outside of the function"},
		{"branches around the flush, by table", []byte{0, 0x41, 0, 0x41, 0, 0x0e, 1, 0, 1, 0x0b}, "outside of the function"},
		{"dead code branches around the flush", []byte{0, 0x00, 0x0c, 1, 0x0b}, "outside of the function"},
		{"dead code uses the fuel local", []byte{0, 0x00, 0x20, 0, 0x1a, 0x0b}, "local index 0"},
		{"goes on behind its end", []byte{0, 0x41, 0, 0x0b, 0x41, 0, 0x0b}, "behind the function's end"},
		{"has no end", []byte{0, 0x41, 0}, "in the middle"},
		{"else without if", []byte{0, 0x02, 0x40, 0x05, 0x0b, 0x41, 0, 0x0b}, "else without if"},
		{"second else", []byte{0, 0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0b, 0x41, 0, 0x0b}, "else without if"},
		{"exception handling", []byte{0, 0x06, 0x40, 0x0b, 0x41, 0, 0x0b}, "exception"},
		{"try_table", []byte{0, 0x1f, 0x40, 0, 0x0b, 0x41, 0, 0x0b}, "exception"},
		{"threads", []byte{0, 0xfe, 0x03, 0, 0x41, 0, 0x0b}, "threads"},
		{"relaxed SIMD", []byte{0, 0xfd, 0x80, 0x02, 0x41, 0, 0x0b}, "relaxed SIMD"},
		{"garbage collection", []byte{0, 0xfb, 0x00, 0x00, 0x0b}, "garbage collection"},
		{"call_ref", []byte{0, 0x14, 0, 0x0b}, "typed references"},
		{"a second memory", []byte{0, 0x41, 0, 0x28, 0x42, 1, 0, 0x0b}, "memory"},
		{"memory.grow of a second memory", []byte{0, 0x41, 0, 0x40, 1, 0x0b}, "memory"},
		{"too many locals", []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x41, 0, 0x0b}, "50000 locals"},
		{"a count of labels beyond the body", []byte{0, 0x41, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x0b}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := module.Read(wasmOf(test.body))
			if err != nil {
				t.Fatal(err)
			}
			var invalid *meter.InvalidError
			if _, err = meter.Rewrite(m, meter.Config{CallDepth: true}); !errors.As(err, &invalid) {
				t.Fatalf("error %v", err)
			}
			if invalid.Function != 0 || invalid.Offset == 0 || !strings.Contains(invalid.Error(), test.text) {
				t.Errorf("error %v, expected %q", invalid, test.text)
			}
		})
	}
}

// Modules that break the rules of types stay invalid: the engine refuses the rewritten module too.
func TestInvalidStaysInvalid(t *testing.T) {
	tests := map[string][]byte{
		"value left over":            {0, 0x41, 0, 0x41, 0, 0x0b},
		"no result":                  {0, 0x0b},
		"wrong result":               {0, 0x42, 0, 0x0b},
		"branch with nothing":        {0, 0x0c, 0, 0x0b},
		"return with the wrong type": {0, 0x42, 0, 0x0f, 0x0b},
		"pops below its frame":       {0, 0x1a, 0x41, 0, 0x0b},
		"pops what lies before":      {0, 0x41, 0, 0x02, 0x40, 0x1a, 0x0b, 0x41, 0, 0x0b},
		"fill of nothing":            {0, 0xfc, 0x0b, 0, 0x41, 0, 0x0b},
		"grow by a long":             {0, 0x42, 0, 0x40, 0, 0x0b},
		"call of nothing, indirect":  {0, 0x11, 0, 0, 0x0b},
		"unknown data segment":       {0, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x08, 0, 0, 0x41, 0, 0x0b},
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
			defer func() { _ = r.Close(ctx) }()
			wasm := wasmOf(b)
			if _, err := r.CompileModule(ctx, wasm); err == nil {
				t.Fatal("the original is valid")
			}
			m, err := module.Read(wasm)
			if err != nil {
				t.Fatal(err)
			}
			metered, err := meter.Rewrite(m, meter.Config{CallDepth: true})
			if err != nil {
				return
			}
			if _, err = r.CompileModule(ctx, metered.Wasm); err == nil {
				t.Error("the rewritten module is valid")
			}
		})
	}
}

func TestNamesThatCollide(t *testing.T) {
	tests := map[string]string{
		"export of the fuel's name":    `(global (mut i64) (i64.const 0)) (export "chainrun_meter:fuel" (global 0))`,
		"export of a reserved name":    `(func) (export "chainrun_meter:global:7" (func 0))`,
		"import of the yield function": `(import "chainrun_meter" "yield" (func))`,
		"import of a reserved module":  `(import "chainrun_meter" "x" (global (mut i64)))`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := module.Read(wat(t, "(module "+source+")"))
			if err != nil {
				t.Fatal(err)
			}
			var invalid *meter.InvalidError
			if _, err = meter.Rewrite(m, meter.Config{}); !errors.As(err, &invalid) || invalid.Function != meter.NoFunction {
				t.Fatalf("error %v", err)
			}
		})
	}
}

// Indices outside of bodies are checked when the module is read, against the spaces as they were.
func TestHolesOutsideOfBodies(t *testing.T) {
	body := []byte{0, 0x41, 0, 0x0b}
	typ := section(1, []byte{0x60, 0, 1, 0x7f}, []byte{0x60, 0, 0})
	function := section(3, []byte{0})
	table := section(4, []byte{0x70, 0, 1})
	global := section(6, []byte{0x7e, 1, 0x42, 0, 0x0b})
	code := section(10, sized(body...))
	tests := map[string][]byte{
		"exports the fuel global":           cat(typ, function, global, section(7, cat(sized('x'), []byte{3, 1})), code),
		"exports the refuel function":       cat(typ, function, global, section(7, cat(sized('x'), []byte{0, 1})), code),
		"starts with the yield function":    cat(typ, function, global, []byte{8, 1, 1}, code),
		"initialises with the fuel global":  cat(typ, function, section(6, []byte{0x7e, 1, 0x23, 0, 0x0b}), code),
		"puts the yield function in place":  cat(typ, function, table, section(9, []byte{0, 0x41, 0, 0x0b, 1, 1}), code),
		"puts the yield function, by expr":  cat(typ, function, table, section(9, []byte{4, 0x41, 0, 0x0b, 1, 0xd2, 1, 0x0b}), code),
		"offset from the depth global":      cat(typ, function, table, global, section(9, []byte{0, 0x23, 3, 0x0b, 1, 0}), code),
		"a function of an added type":       cat(typ, section(3, []byte{2}), code),
		"reference to the refuel function":  cat(typ, function, section(6, []byte{0x70, 0, 0xd2, 1, 0x0b}), code),
		"a data offset from the fuel":       cat(typ, function, section(5, []byte{0, 1}), global, code, section(11, []byte{0, 0x23, 1, 0x0b, 0})),
		"an import of an added type":        cat(typ, section(2, cat(sized('a'), sized('b'), []byte{0, 2})), function, code),
		"two exports of one name":           cat(typ, function, section(7, cat(sized('x'), []byte{0, 0}), cat(sized('x'), []byte{0, 0})), code),
		"starts with a function of results": cat(typ, function, []byte{8, 1, 0}, code),
	}
	for name, sections := range tests {
		t.Run(name, func(t *testing.T) {
			var bad *module.FormatError
			if _, err := module.Read(cat([]byte(magic), sections)); !errors.As(err, &bad) {
				t.Errorf("error %v", err)
			}
		})
	}
}
