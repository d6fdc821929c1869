package nodes

import (
	"strings"
	"testing"
)

func TestCSV(t *testing.T) {
	checkAll(t, "csv", []check{
		{``, `"a,b\n1,\"x, \"\"y\"\"\"\n\n2,z\n"`, `[{"a":"1","b":"x, \"y\""},{"a":"2","b":"z"}]`},
		{``, `"\ufeffa,b\r\n1,2\r\n"`, `[{"a":"1","b":"2"}]`},
		{``, `""`, `[]`},
		{``, `"a,b\n"`, `[]`},
		{`{"header":false}`, `"a,b\n1,2"`, `[["a","b"],["1","2"]]`},
		{`{"header":["x","y"],"skip":1}`, `"a,a\n1,2"`, `[{"x":"1","y":"2"}]`},
		{`{"delimiter":";","comment":"#"}`, `"# no\na;b\n1;2,3"`, `[{"a":"1","b":"2,3"}]`},
		{`{"types":"auto"}`, `"a,b,c,d,e,f\n1.50,true,,x,007,12345678901234567890"`, `[{"a":1.50,"b":true,"c":null,"d":"x","e":"007","f":12345678901234567890}]`},
		{`{"types":{"a":"integer","b":"number","c":"boolean","d":"json"}}`, `"a,b,c,d,e\n1,-2.5e3,TRUE,[1],1"`, `[{"a":1,"b":-2.5e3,"c":true,"d":[1],"e":"1"}]`},
		{`{"trim":true}`, `"a , b\n 1, \"x\""`, `[{"a":"1","b":"x"}]`},
		{`{"lenient":true}`, `"a,b\n1,x\"y"`, `[{"a":"1","b":"x\"y"}]`},

		{``, `"a,b\n1,x\"y"`, `bad_csv: line 2, column 4: bare " in non-quoted-field`},
		{``, `"a,b\n1,\"x"`, `bad_csv: line 2, column …`},
		{``, `"a,b\n1,2\n1,2,3"`, `bad_csv: line 3, column 1: the row has 3 values, expected 2`},
		{`{"header":false}`, `"1,2\n3"`, `bad_csv: line 2, column 1: the row has 1 values, expected 2`},
		{``, `"a,a\n1,2"`, `bad_header: two columns are called "a"; …`},
		{`{"types":{"c":"integer"}}`, `"a,b\n1,2"`, `bad_header: types names "c", …`},
		{`{"types":{"b":"integer"}}`, `"a,b\n1,2\n1,2.5"`, `bad_value: line 3, column 3: the value of "b" is "2.5", expected integer`},
		{``, `[1]`, `bad_input: …`},
		{`{"delimiter":"\""}`, `"a"`, `bad_csv: …`},

		{`{"direction":"write"}`, `[{"b":1,"a":"x,y"},{"a":null,"c":[1, 2]}]`, `"b,a,c\n1,\"x,y\",\n,,\"[1,2]\"\n"`},
		{`{"direction":"write","header":["c","a"],"delimiter":"\t"}`, `[{"b":1,"a":true}]`, `"c\ta\n\ttrue\n"`},
		{`{"direction":"write","header":false}`, `[{"b":1},{"b":2}]`, `"1\n2\n"`},
		{`{"direction":"write"}`, `[[1,"a"],[2]]`, `"1,a\n2\n"`},
		{`{"direction":"write"}`, `[]`, `""`},
		{`{"direction":"write"}`, `[{"b":1},[1]]`, `bad_input: row 1 is no object, and others are`},
		{`{"direction":"write"}`, `[1]`, `bad_input: row 0: expected a list or an object: found a number`},
		{`{"direction":"write"}`, `"x"`, `bad_input: expected a list of rows: found a text`},
	})
}

// What is parsed and written is what it was.
func TestCSVThereAndBack(t *testing.T) {
	const text = "a,b\n1,\"x, \"\"y\"\"\"\n2,\"two\nlines\"\n"
	rows := chainrun{}.run("csv", quoted(text))
	if got := (chainrun{config: `{"direction":"write"}`}).run("csv", rows); got != quoted(text) {
		t.Errorf("%s became %s", rows, got)
	}
}

func TestCSVIsBounded(t *testing.T) {
	checkAll(t, "csv", []check{
		// A name of a megabyte for each of many short rows.
		{``, quoted(strings.Repeat("x", 1<<20) + "\n" + strings.Repeat("1\n", 1<<10)), `too_large: …`},
		{``, quoted(strings.Repeat(",", 1<<20)), `bad_header: …`},
		{``, quoted(strings.Repeat("\"", 1<<20+1)), `bad_csv: …`},
	})
	input := `[["` + strings.Repeat("a", maxBytes) + `"]]`
	if got := (chainrun{config: `{"direction":"write"}`}).run("csv", input); !strings.HasPrefix(got, "too_large: ") {
		t.Errorf("%.80s", got)
	}
}
