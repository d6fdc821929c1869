package nodes

import (
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	of := func(text string) string { return `{"template":` + quoted(text) + `}` }
	checkAll(t, "template", []check{
		{of(`Hello, {{.name}}!`), `{"name":"<Ada> & co"}`, `"Hello, <Ada> & co!"`},
		{of(``), `1`, `""`},
		{of(`{{.}}`), `"text"`, `"text"`},
		{of(`{{.}}`), `{"b":[1,2.50,null],"a":"x"}`, `"{\"a\":\"x\",\"b\":[1,2.5,null]}"`},
		{of(`{{.n}} {{.x}} {{.big}} {{.e}}`), `{"n":3,"x":1.5,"big":123456789012345678901234567890,"e":1e3}`, `"3 1.5 123456789012345678901234567890 1000"`},
		{of(`[{{.a}}]`), `{"a":null}`, `"[]"`},
		{of(`{{range $i, $v := .}}{{if $i}}, {{end}}{{$v.n}}{{end}}`), `[{"n":1},{"n":2}]`, `"1, 2"`},
		{of(`{{with .a}}{{.b}}{{else}}none{{end}}`), `{"a":{"b":true}}`, `"true"`},
		{of(`{{if gt .a 2}}more{{end}}{{if eq .a 3.0}} three{{end}}{{if lt .b .a}} less{{end}}`), `{"a":3,"b":2.5}`, `"more three less"`},
		{of(`{{if eq .s "b" "a"}}one{{end}}{{if ne .s "b"}} not{{end}}{{if eq .l .l}} same{{end}}`), `{"s":"a","l":[1]}`, `"one not same"`},
		{of(`{{add 1 2}} {{sub .a 0.5}} {{mul 4 4}} {{div 7 2}} {{mod 7 2}} {{fixed 2 .a}}`), `{"a":3}`, `"3 2.5 16 3.5 1 3.00"`},
		{of(`{{add .a 1}}`), `{"a":9223372036854775807}`, `"9223372036854775808"`},
		{of(`{{upper .a}} {{.a | lower | truncate 2}} {{join "-" .l}} {{split "," "a,b" | last}} {{first .l}}`), `{"a":"Äbc","l":[1,"b"]}`, `"ÄBC äb 1-b b 1"`},
		{of(`{{has "a" .}} {{get "b" . | default "no"}} {{keys .}} {{json .}}`), `{"a":"x"}`, `"true no [\"a\"] {\"a\":\"x\"}"`},
		{of(`{{prettyJSON .}}`), `{"a":[1]}`, `"{\n  \"a\": [\n    1\n  ]\n}"`},
		{of("{{indent 2 .}}|{{replace \"b\" \"c\" .}}"), `"a\nb"`, `"  a\n  b|a\nc"`},
		{of(`{{define "x"}}<{{.}}>{{end}}{{template "x" .a}}{{template "x" .b}}`), `{"a":1,"b":[2]}`, `"<1><[2]>"`},
		{of(`{{$x := .a}}{{$x}} {{print .a .a}} {{println .a}}`), `{"a":1.5}`, `"1.5 1.51.5 1.5\n"`},
		{of(`{{index .l 1}} {{len .l}} {{printf "%05.1f|%s" .f "x"}} {{slice "abc" 1 2}}`), `{"l":[1,2],"f":2.25}`, `"2 2 002.2|x b"`},
		{of(`{{range $i, $v := .}}{{if eq $i 1}}{{continue}}{{end}}{{if eq $i 3}}{{break}}{{end}}{{$v}}{{end}}`), `[0,1,2,3,4]`, `"02"`},
		{of(`{{/* nothing */ -}} x`), `{}`, `"x"`},
		{of(`{{contains "b" "abc"}}{{hasPrefix "a" "abc"}}{{hasSuffix "a" "abc"}}{{trim " a "}}`), `{}`, `"truetruefalsea"`},

		{of(`{{.nome}}`), `{"name":1}`, `missing_key: template:1:2: executing "template" at <.nome>: map has no entry for key "nome"`},
		{`{"template":"[{{.nome}}]","missing":"empty"}`, `{"name":1}`, `"[]"`},
		{of(`{{.a`), `{}`, `bad_template: template:1: …`},
		{of(`{{nothing .}}`), `{}`, `bad_template: template:1: function "nothing" not defined`},
		{of(`{{template "x"}}`), `{}`, `template_error: …`},
		{of(`{{.a.b}}`), `{"a":1}`, `template_error: …`},
		{of(`{{gt .a 1}}`), `{"a":"x"}`, `template_error: template:1:2: executing "template" at <gt .a 1>: error calling gt: "x" and 1 cannot be compared: expected two numbers, or two texts`},
		{of(`{{div 1 0}}`), `{}`, `template_error: …`},
		{of(`{{.}}`), `{`, `bad_input: …`},
		{`{"template":"{\"a\": {{.a}}}","as":"json"}`, `{"a":[1]}`, `{"a": [1]}`},
		{`{"template":"{{.a}}","as":"json"}`, `{"a":"x"}`, `bad_json: …`},
	})
}

func TestTemplateIsBounded(t *testing.T) {
	of := func(text string) string { return `{"template":` + quoted(text) + `}` }
	checkAll(t, "template", []check{
		{of(`{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}`), `1`, `template_error: …`},
		{
			of(`{{define "x"}}{{.}}{{.}}{{end}}{{range $i, $e := .}}{{range $}}{{range $}}{{range $}}{{template "x" $}}{{end}}{{end}}{{end}}{{end}}`),
			`["` + strings.Repeat("x", 1<<20) + `","b","c","d","e"]`, `too_large: …`,
		},
		{of(`{{$x := "aaaaaaaaaaaaaaaaaaaa"}}{{range $i := .}}{{$x = replace "a" "aaaaaaaaaa" $x}}{{end}}`), `[1,2,3,4,5,6,7,8,9]`, `too_large: …`},
		{of(`{{$x := 3}}{{range $i := .}}{{$x = mul $x $x}}{{end}}{{$x}}`), `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]`, `template_error: …`},
		{of(strings.Repeat("{{if true}}", 20_000)), `1`, `bad_template: …`},
		{of(strings.Repeat("(", 100_000)), `1`, quoted(strings.Repeat("(", 100_000))},
		{of("{{" + strings.Repeat("(", 5_000)), `1`, `bad_template: …`},
		{of(`{{printf "%1000000000d" 1}}`), `1`, `"%!(NOVERB)%!(EXTRA int=1)"`},
	})
}
