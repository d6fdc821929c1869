package nodes

import "testing"

func TestJQ(t *testing.T) {
	of := func(query string) string { return `{"query":` + quoted(query) + `}` }
	checkAll(t, "jq", []check{
		{of(`.`), `{"b":1,"a":[1.50,123456789012345678901234567890,1e1000,"<"]}`, `{"a":[1.50,123456789012345678901234567890,1e1000,"<"],"b":1}`},
		{of(`map(select(.n > 1) | .n) | add`), `[{"n":1},{"n":2},{"n":3}]`, `5`},
		{of(`.a * 10`), `{"a":123456789012345678901234567890}`, `1234567890123456789012345678900`},
		{of(`.[]`), `[1,2]`, `many_results: …`},
		{of(`empty`), `1`, `no_result: …`},
		{`{"query":".[]","results":"all"}`, `[1,2]`, `[1,2]`},
		{`{"query":"empty","results":"all"}`, `[1,2]`, `[]`},
		{`{"query":".[]","results":"first"}`, `[1,2]`, `1`},
		{`{"query":"repeat(1)","results":"first"}`, `0`, `1`},
		{`{"query":"[$a, $b.c]","variables":{"b":{"c":12345678901234567890},"a":1.10}}`, `0`, `[1.10,12345678901234567890]`},
		{of(`.a | ltrimstr("x") | test("^b")`), `{"a":"xb"}`, `true`},
		{of(`[limit(3; repeat(1))]`), `0`, `[1,1,1]`},
		{of(`@csv`), `[1,"a"]`, `"1,\"a\""`},
		{of(`env, $ENV`), `0`, `many_results: …`},
		{of(`env`), `0`, `{}`},
		{of(`1, halt`), `0`, `1`},

		{of("map(\n  .a +)"), `0`, `bad_query: the query, line 2, column 7: unexpected token ")"`},
		{of(`nothing(1)`), `0`, `bad_query: the query: function not defined: nothing/1`},
		{of(`$x`), `0`, `bad_query: the query: variable not defined: $x`},
		{of(`import "a" as a; 1`), `0`, `bad_query: …`},
		{of(`input`), `0`, `bad_query: …`},
		{of(`.a`), `[1]`, `jq_error: expected an object but got: array ([1])`},
		{of(`error("no")`), `0`, `jq_error: error: no`},
		{of(`halt_error`), `"x"`, `jq_error: …`},
		{of(`"x" * 100000000`), `0`, `too_large: …`},
		{of(`.`), `{"a":1}}`, `bad_input: …`},
	})
}
