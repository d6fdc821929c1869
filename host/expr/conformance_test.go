package expr

// The conformance tests of the CEL specification, as far as they are about what
// JSON has. Where this package differs on purpose, it is said why.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/parser"
	celexpr "cel.dev/expr"
	_ "cel.dev/expr/conformance/proto2" // the messages that the files name
	_ "cel.dev/expr/conformance/proto3"
	suite "cel.dev/expr/conformance/test"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/chainrun/chainrun/host/document"
)

// files are those about the core language and the functions that are here.
var conformanceFiles = []string{
	"basic", "bindings_ext", "comparisons", "conversions", "fp_math", "integer_math", "lists", "logic",
	"macros", "macros2", "math_ext", "optionals", "parse", "plumbing", "string", "string_ext", "timestamps",
}

// foreign are the parts of CEL that an expression over JSON does not have; a
// test whose expression has one in it is left out.
var foreign = []string{
	"TestAllTypes", "google.protobuf", "b'", "b\"", "bytes(", "math.bit", "math.isNaN", "math.isInf", "math.isFinite",
	", 6:", "{1", "{0", "{2", "{3", "{true", "{false", "{-", "NestedTestAllTypes", "x'", "GlobalEnum",
	", 1:", "US/", "\\x", "Infinity", "NaN", "inf", "America/", "Australia/", "Asia/", "Europe/",
}

// differences are the tests that this package fails on purpose, by reason.
var differences = map[string]string{
	"comparisons/eq_literal/not_eq_double_nan":               "there is no NaN: 0/0 is an error",
	"comparisons/eq_literal/not_eq_int_double_nan":           "there is no NaN",
	"comparisons/eq_literal/not_eq_uint_double_nan":          "there is no NaN",
	"comparisons/ne_literal/not_ne_double_nan":               "there is no NaN",
	"comparisons/ne_literal/not_ne_int_double_nan":           "there is no NaN",
	"comparisons/ne_literal/not_ne_uint_double_nan":          "there is no NaN",
	"comparisons/ne_literal/ne_double_nan":                   "there is no NaN",
	"comparisons/lt_literal/not_lt_dyn_int_big_lossy":        "whole numbers are compared exactly",
	"comparisons/lt_literal/not_lt_dyn_small_double_int":     "whole numbers are compared exactly",
	"comparisons/gt_literal/not_gt_dyn_int_small_lossy":      "whole numbers are compared exactly",
	"comparisons/gt_literal/not_gt_dyn_big_double_int":       "whole numbers are compared exactly",
	"comparisons/lte_literal/lte_dyn_int_small_lossy_double": "whole numbers are compared exactly",
	"comparisons/lte_literal/lte_dyn_big_double_int":         "whole numbers are compared exactly",
	"comparisons/gte_literal/gte_dyn_int_big_lossy_double":   "whole numbers are compared exactly",
	"comparisons/gte_literal/gte_dyn_small_double_int":       "whole numbers are compared exactly",
	"conversions/double/int_range":                           "whole numbers stay exact",
	"conversions/double/uint_range":                          "whole numbers stay exact",
	"conversions/int/uint_range":                             "whole numbers have no width",
	"conversions/int/double_":                                "whole numbers have no width",
	"conversions/uint/double_":                               "whole numbers have no width",
	"conversions/type/eq_diff":                               "there is one type of number",
	"conversions/type/neq_diff":                              "there is one type of number",
	"integer_math/int64_math/unary_minus_no_overload":        "there is one type of number",
	"integer_math/int64_math/int64_overflow":                 "whole numbers do not overflow",
	"integer_math/int64_math/int64_min_negate":               "whole numbers do not overflow",
	"integer_math/int64_math/uint64_overflow":                "whole numbers do not overflow",
	"integer_math/uint64_math/negative_no_overload":          "there is one type of number",
	"math_ext/ceil/dyn_error":                                "there is one type of number",
	"math_ext/floor/dyn_error":                               "there is one type of number",
	"math_ext/round/dyn_error":                               "there is one type of number",
	"math_ext/trunc/dyn_error":                               "there is one type of number",
	"optionals/optionals/map_null_entry_no_such_key":         "a key of null is absent, as it is for has()",
	"math_ext/abs/int_overflow":                              "whole numbers do not overflow",
}

func TestConformance(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "cel.dev/expr").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "tests/simple/testdata")
	if _, statErr := os.Stat(dir); err != nil || statErr != nil {
		t.Skip("the conformance tests of cel.dev/expr are not in the module cache")
	}
	passed, skipped := 0, 0
	for _, file := range conformanceFiles {
		text, err := os.ReadFile(filepath.Join(dir, file+".textproto"))
		if err != nil {
			t.Fatal(err)
		}
		var all suite.SimpleTestFile
		if err := (prototext.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, section := range all.GetSection() {
			for _, test := range section.GetTest() {
				name := fmt.Sprintf("%s/%s/%s", file, section.GetName(), test.GetName())
				bothParsers(t, test.GetExpr())
				want, ok := expectation(test)
				if !ok || different(name, test) {
					skipped++
					continue
				}
				vars, names, ok := bindings(test)
				if !ok {
					skipped++
					continue
				}
				passed++
				got, err := run(t, test.GetExpr(), names, vars)
				switch {
				case want == nil && err == nil:
					t.Errorf("%s: %s\n\tgave %s, must fail", name, test.GetExpr(), got)
				case want != nil && err != nil:
					t.Errorf("%s: %s\n\tfailed: %v", name, test.GetExpr(), err)
				case want != nil && !got.Equal(*want):
					t.Errorf("%s: %s\n\tgave %s, must be %s", name, test.GetExpr(), got, want)
				}
			}
		}
	}
	t.Logf("%d tests hold, %d are about what JSON has not", passed, skipped)
	if passed < 1000 {
		t.Errorf("only %d tests were run", passed)
	}
}

// bothParsers has cel-go's older parser, which is slow to start, read the same.
func bothParsers(t *testing.T, src string) {
	t.Helper()
	older, err := parser.NewParser(parser.Macros(macros()...), parser.EnableOptionalSyntax(true),
		parser.PopulateMacroCalls(true))
	if err != nil {
		t.Fatal(err)
	}
	newer, err := sharedParser()
	if err != nil {
		t.Fatal(err)
	}
	var texts [2]string
	for i, p := range []*parser.Parser{older, newer} {
		tree, errs := p.Parse(common.NewTextSource(src))
		if len(errs.GetErrors()) > 0 {
			texts[i] = "refused"
		} else if texts[i], err = parser.Unparse(tree.Expr(), tree.SourceInfo(), parser.EscapeIdentifiers(true)); err != nil {
			texts[i] = "no normal form"
		}
	}
	if texts[0] != texts[1] {
		t.Errorf("%s\n\tis read as %s\n\tand as     %s", src, texts[0], texts[1])
	}
}

func run(t *testing.T, src string, names []string, vars map[string]document.Document) (document.Document, error) {
	t.Helper()
	p, err := NewEnv(names...).Compile(src)
	if err != nil {
		return document.Document{}, err
	}
	return p.Eval(t.Context(), vars)
}

func different(name string, test *suite.SimpleTest) bool {
	for _, f := range foreign {
		if strings.Contains(test.GetExpr(), f) {
			return true
		}
	}
	for prefix := range differences {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return test.GetContainer() != "" || test.GetDisableMacros() || test.GetDisableCheck() || test.GetCheckOnly()
}

// expectation is the wanted result as a document, nil for a failure.
func expectation(test *suite.SimpleTest) (*document.Document, bool) {
	switch m := test.GetResultMatcher().(type) {
	case *suite.SimpleTest_EvalError, *suite.SimpleTest_AnyEvalErrors:
		return nil, true
	case *suite.SimpleTest_Value:
		v, ok := fromProto(m.Value)
		if !ok {
			return nil, false
		}
		d, err := document.FromValue(v)
		return &d, err == nil
	case nil:
		d := document.MustParse("true")
		return &d, true
	}
	return nil, false
}

func bindings(test *suite.SimpleTest) (map[string]document.Document, []string, bool) {
	vars := map[string]document.Document{}
	names := []string{}
	for _, d := range test.GetTypeEnv() {
		names = append(names, d.GetName())
	}
	for name, b := range test.GetBindings() {
		v, ok := fromProto(b.GetValue())
		if !ok || strings.Contains(name, ".") {
			return nil, nil, false
		}
		d, err := document.FromValue(v)
		if err != nil {
			return nil, nil, false
		}
		names = append(names, name)
		vars[name] = d
	}
	for _, n := range names {
		if strings.Contains(n, ".") {
			return nil, nil, false
		}
	}
	return vars, names, true
}

func fromProto(v *celexpr.Value) (any, bool) {
	switch k := v.GetKind().(type) {
	case *celexpr.Value_NullValue:
		return nil, true
	case *celexpr.Value_BoolValue:
		return k.BoolValue, true
	case *celexpr.Value_Int64Value:
		return k.Int64Value, true
	case *celexpr.Value_Uint64Value:
		return k.Uint64Value, true
	case *celexpr.Value_DoubleValue:
		return k.DoubleValue, true
	case *celexpr.Value_StringValue:
		return k.StringValue, true
	case *celexpr.Value_ListValue:
		items := []any{}
		for _, e := range k.ListValue.GetValues() {
			item, ok := fromProto(e)
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	case *celexpr.Value_MapValue:
		m := map[string]any{}
		for _, e := range k.MapValue.GetEntries() {
			key, ok := e.GetKey().GetKind().(*celexpr.Value_StringValue)
			value, also := fromProto(e.GetValue())
			if !ok || !also {
				return nil, false
			}
			m[key.StringValue] = value
		}
		return m, true
	}
	return nil, false
}
