package expr_test

// What DESIGN.md says of expressions, sentence by sentence.

import (
	"errors"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
)

var places = expr.NewEnv("input", "inputs", "output", "error", "state", "run", "item", "index")

var documents = map[string]document.Document{
	"input": document.MustParse(`{"id": 12345678901234567890, "price": 1.50, "far": 1e400, "list": [10, 20.0, 3e1],
		"name": "Åsa", "nested": {"b": {"c": null}, "a": [1, {"x": 2.0}]}, "empty": {}, "nothing": null, "yes": true}`),
	"inputs": document.MustParse(`{"score": {"n": 1}, "parse": [1, 2]}`),
	"output": document.MustParse(`{"total": 1500, "same": 1500.0, "i": 1.0, "half": 0.5, "n": 3}`),
	"state":  document.MustParse(`{"n": 3.0, "big": 9007199254740993}`),
	"run":    document.Object(document.Field{Key: "input", Value: document.MustParse(`{"k":"v"}`)}),
	"index":  document.MustParse(`0`),
}

func TestDesign(t *testing.T) {
	for _, says := range []struct {
		sentence string
		cases    [][2]string // expression, result; "!…" is part of the error's text
	}{
		{"output.total * 2 and state.n + 1 work whether a value was written 3 or 3.0", [][2]string{
			{`output.total * 2`, `3000`},
			{`output.same * 2`, `3000`},
			{`2.0 * output.total`, `3000`},
			{`state.n + 1`, `4`},
			{`state.n + 1.0`, `4`},
			{`output.n + 1`, `4`},
			{`1u + output.n`, `4`},
			{`-state.n`, `-3`},
			{`-output.n`, `-3`},
			{`state.n - output.n`, `0`},
			{`state.n == output.n`, `true`},
			{`1 == 1.0`, `true`},
			{`[1, {'a': 2}] == [1.0, {'a': 2.0}]`, `true`},
			{`1 != 1.0`, `false`},
			{`20 in input.list`, `true`},
			{`30.0 in input.list`, `true`},
			{`output.total > 1000`, `true`},
			{`output.total >= 1500.0 && output.same <= 1500`, `true`},
			{`state.n < 3.5`, `true`},
			{`size(input.list) * 0.5`, `1.5`},
			{`size(input.list) == 3.0`, `true`},
			{`index + 0.5`, `0.5`},
			{`math.greatest(1, 2.5, state.n)`, `3.0`},
			{`[state.n, 1, 2.5].min()`, `1`},
			{`[1, 2.5, state.n].sum()`, `6.5`},
			{`{'a': 1}.a + 0.5`, `1.5`},
			{`(true ? 1 : 2.5) + 0.5`, `1.5`},
			{`string(state.n)`, `"3"`},
			{`string(3.50)`, `"3.5"`},
			{`lists.range(2.0)`, `[0,1]`},
			{`[3, 1.5, 2].sort()`, `[1.5,2,3]`},
			{`[1, 1.0, 2].distinct()`, `[1,2]`},
			{`[1, 2].map(x, x * 1.5)`, `[1.5,3]`},
			{`[1, 2].transformList(i, x, i + x * 0.5)`, `[0.5,2]`},
			{`'abc'.substring(1.0, 2)`, `"b"`},
			{`type(1) == type(1.5)`, `true`},
			{`int(1.9) + double('0.5')`, `1.5`},
		}},
		{"/ is the real quotient", [][2]string{
			{`7 / 2`, `3.5`},
			{`6 / 2`, `3`},
			{`1 / 3`, `0.3333333333333333`},
			{`output.n / 2`, `1.5`},
			{`-7 / 2.0`, `-3.5`},
			{`output.n / (state.n - 3)`, `!division by zero`},
			{`output.n / 0.0`, `!division by zero`},
		}},
		{"integral results within 2^53 are written without a fraction", [][2]string{
			{`output.half + 0.5`, `1`},
			{`output.half * 4`, `2`},
			{`1e3 * output.n`, `3000`},
			{`9007199254740991.0 + index`, `9007199254740991`},
			{`0 * -output.n`, `0`},
			{`output.half * 3`, `1.5`},
			{`1e15 + index`, `1000000000000000`},
		}},
		{"% and indexing need integral values", [][2]string{
			{`7 % output.n`, `1`},
			{`7.0 % state.n`, `1`},
			{`-7 % 3`, `-1`},
			{`output.half % 2`, `!% needs whole numbers, found 0.5`},
			{`7 % (state.n - 3)`, `!division by zero`},
			{`input.list[output.i]`, `20.0`},
			{`input.list[1.0]`, `20.0`},
			{`input.list[1]`, `20.0`},
			{`input.list[index]`, `10`},
			{`input.list[output.half]`, `!the index must be a whole number, found 0.5`},
			{`input.list[3]`, `!index 3 is out of range`},
			{`input.list[-1]`, `!index -1 is out of range`},
			{`input.list['1']`, `!the index must be a whole number, found a string`},
		}},
		{"what is passed on unchanged is passed on as it is", [][2]string{
			{`input.id`, `12345678901234567890`},
			{`input.price`, `1.50`},
			{`input.far`, `1e400`},
			{`input.list`, `[10,20.0,3e1]`},
			{`{'id': input.id, 'p': [input.price]}`, `{"id":12345678901234567890,"p":[1.50]}`},
			{`true ? input.id : 0`, `12345678901234567890`},
			{`input.list.filter(x, x > 10)`, `[20.0,3e1]`},
			{`run.input`, `{"k":"v"}`},
			{`state`, `{"n": 3.0, "big": 9007199254740993}`},
			{`{'all': state}`, `{"all":{"n": 3.0, "big": 9007199254740993}}`},
		}},
		{"whole numbers are exact", [][2]string{
			{`state.big + 1`, `9007199254740994`},
			{`state.big == 9007199254740993`, `true`},
			{`state.big == 9007199254740992`, `false`},
			{`input.id % 16`, `2`},
			{`input.id - 12345678901234567889u`, `1`},
			{`input.id > 12345678901234567889u`, `true`},
			{`state.big * state.big`, `81129638414606699710187514626049`},
			{`state.big / 1`, `9007199254740993`},
			{`input.far + 1`, `!beyond the range of numbers`},
			{`1e308 * 10.0 * output.n`, `!beyond the range of numbers`},
		}},
		{"A missing key is an error (has() and optional syntax are there)", [][2]string{
			{`input.none`, `!no such key: "none"`},
			{`input.nested.none`, `!no such key`},
			{`input['none']`, `!no such key`},
			{`has(input.none)`, `false`},
			{`has(input.nothing)`, `true`},
			{`has(input.name)`, `true`},
			{`has(error.code)`, `false`},
			{`input.?none.orValue('d')`, `"d"`},
			{`input.?name.orValue('d')`, `"Åsa"`},
			{`input.?none.?deep.orValue(1)`, `1`},
			{`input.?nested.a[1].x.orValue(0)`, `2.0`},
			{`input.list[?7].orValue(0)`, `0`},
			{`input[?'name'].hasValue()`, `true`},
			{`{?'a': input.?none, 'b': 1}`, `{"b":1}`},
			{`[?input.?none, 1]`, `[1]`},
			{`input.?none`, `!absent`},
			{`input.?price`, `1.50`},
			{`input.?name.optMap(n, n + '!').orValue('')`, `"Åsa!"`},
		}},
		{"error is null on a success edge: a variable that is not given is null", [][2]string{
			{`error == null`, `true`},
			{`item`, `null`},
			{`error.code`, `!cannot take key "code" of error, which is null`},
			{`error != null && error.code == 'timeout'`, `false`},
		}},
		{"iteration is in the order of keys", [][2]string{
			{`inputs.map(k, k)`, `["parse","score"]`},
			{`input.nested.map(k, k)`, `["a","b"]`},
			{`inputs.transformList(k, v, k)`, `["parse","score"]`},
			{`inputs.transformMap(k, v, size(k))`, `{"parse":5,"score":5}`},
		}},
		{"functions over strings, with the one kind of number", [][2]string{
			{`"%d of %s: %.2f".format([state.n, input.name, 7 / 2])`, `"3 of Åsa: 3.50"`},
			{`"%d".format([output.half])`, `!%d needs a whole number, found 0.5`},
			{`"%s".format([input.id])`, `"12345678901234567890"`},
			{`"%é".format([1])`, `!there is no clause %é`},
			{`input.name.size()`, `3`},
			{`input.name.charAt(0)`, `"Å"`},
			{`input.name.lowerAscii().replace("a", "b")`, `"Åsb"`},
			{`"a,b,c".split(",", 2.0).join(";")`, `"a;b,c"`},
			{`input.name.indexOf("a") + 0.5`, `2.5`},
			{`" x ".trim().reverse()`, `"x"`},
			{`string(timestamp("2024-02-29T12:00:00+02:00") + duration("24h"))`, `"2024-03-01T10:00:00Z"`},
			{`timestamp("2024-02-29T12:00:00Z").getMonth() + 0.5`, `1.5`},
			{`timestamp("2024-01-01T00:00:00Z").getHours("Europe/Paris")`, `!differ between machines`},
		}},
		{"results that are no JSON are errors", [][2]string{
			{`type(input)`, `!a type, which is not a JSON value`},
			{`[timestamp('2024-01-01T00:00:00Z'), input]`, `!string(…)`},
			{`{'b': b'x', 'i': input}`, `!bytes in it`},
			{`[input.?none]`, `!an optional value`},
		}},
	} {
		for _, c := range says.cases {
			src, want := c[0], c[1]
			t.Run(says.sentence+"/"+src, func(t *testing.T) {
				got, err := eval(t, src)
				switch {
				case want[0] == '!' && err == nil:
					t.Errorf("gave %s, must fail with %s", got, want[1:])
				case want[0] == '!':
					contains(t, err.Error(), want[1:])
				case err != nil:
					t.Errorf("failed: %v", err)
				case got != want:
					t.Errorf("gave %s, must be %s", got, want)
				}
			})
		}
	}
}

func eval(t *testing.T, src string) (string, error) {
	t.Helper()
	p, err := places.Compile(src)
	if err != nil {
		if _, ok := errors.AsType[*expr.SyntaxError](err); !ok {
			t.Fatalf("not a SyntaxError: %v", err)
		}
		return "", err
	}
	d, err := p.Eval(t.Context(), documents)
	if err != nil {
		if _, ok := errors.AsType[*expr.EvalError](err); !ok {
			t.Fatalf("not an EvalError: %v", err)
		}
		return "", err
	}
	return d.String(), nil
}

// A failed evaluation says where, and what may have been meant.
func TestPlaces(t *testing.T) {
	for src, want := range map[string]string{
		`output.totl > 1000`:                   `no such key: "totl" in output; did you mean "total"?`,
		`input.nested.b.d`:                     `no such key: "d" in input.nested.b; did you mean "c"?`,
		`input["nam"]`:                         `no such key: "nam"; did you mean "name"?`,
		`input.name.first`:                     `cannot take key "first" of input.name, which is a string`,
		`output.n + 1 > input.name`:            `cannot compare a number with a string (column 14)`,
		"output.n +\n  input.name + 1":         `cannot apply + to a number and a string (column 10)`,
		"output.n\n + 1\n + input.name":        `cannot apply + to a number and a string (line 3, column 2)`,
		`input.list.map(x, x.size())`:          `size needs a string, a list or an object, found a number (column 25)`,
		`input.list.all(x, x / 0 > 1)`:         `division by zero (column 21)`,
		`output.n && true`:                     `&& needs a boolean, found a number (column 10)`,
		`output.n ? 1 : 2`:                     `?: needs a boolean, found a number (column 10)`,
		`input.name.matches(input.name + "(")`: "missing closing )",
	} {
		_, err := eval(t, src)
		if err == nil {
			t.Errorf("%s: must fail", src)
			continue
		}
		contains(t, err.Error(), want)
	}
}

func TestHolds(t *testing.T) {
	for src, want := range map[string]string{
		`output.total > 1000`:      "true",
		`output.total < 1000`:      "false",
		`output.total`:             "this one is a number",
		`input.nothing`:            "this one is null",
		`has(error.code)`:          "false",
		`input.yes`:                "true",
		`input.none || input.yes`:  "true", // one side decides
		`input.yes || input.none`:  "true",
		`input.none && !input.yes`: "false",
		`input.none || !input.yes`: `no such key: "none"`,
		`input.none.deep.deeper`:   `no such key: "none"`,
	} {
		p, err := places.CompileCondition(src)
		if err != nil {
			t.Fatal(err)
		}
		holds, err := p.Holds(t.Context(), documents)
		got := map[bool]string{true: "true", false: "false"}[holds]
		if err != nil {
			got = err.Error()
		}
		contains(t, got, want)
	}
}

func TestConditionOfAnotherType(t *testing.T) {
	for _, src := range []string{`output.total + 1`, `'a' + 'b'`, `size(input)`, `[1]`, `input.?x`, `null`} {
		if _, err := places.CompileCondition(src); err == nil {
			t.Errorf("%s: must be refused as a condition", src)
		}
	}
}
