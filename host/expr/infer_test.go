package expr

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

var film = &Type{Kinds: Object, Rest: never, Members: map[string]*Type{
	"title":  textual,
	"year":   numeric,
	"rating": {Kinds: Null | Number},
	"tags":   {Kinds: List, Items: textual},
	"cast":   {Kinds: List, Items: &Type{Kinds: Object, Rest: never, Members: map[string]*Type{"name": textual}}},
	"extra":  {Kinds: Object},
	"gone":   never,
}}

func TestInfer(t *testing.T) {
	for source, want := range map[string]string{
		// What can succeed is not complained about.
		`x.title + " (" + string(x.year) + ")"`:                  "",
		`x.rating > 7`:                                           "", // null fails, a number does not
		`has(x.titel) ? x.titel : x.title`:                       "",
		`has(x.titel) && x.titel == "a"`:                         "",
		`!has(x.titel) || x.titel == "a"`:                        "",
		`x.?titel.orValue("a")`:                                  "",
		`x[?"titel"].orValue("a")`:                               "",
		`x.extra.anything.at.all`:                                "",
		`x.cast.map(c, c.name)`:                                  "",
		`x.cast.exists(c, c.name.startsWith("A"))`:               "",
		`x.cast.filter(c, has(c.born) && c.born > 1)`:            "",
		`x.map(k, x[k])`:                                         "",
		`x.transformMap(k, v, k != "title", v)`:                  "",
		`size(x) + size(x.tags) + size(x.title)`:                 "",
		`x.year == "1999"`:                                       "", // false, but no failure
		`y.whatever + 1`:                                         "",
		`timestamp(x.title) < timestamp("2020-01-01T00:00:00Z")`: "",
		`x.tags[0] + x.title`:                                    "",
		`{"a": x.title}.a`:                                       "",
		`cel.bind(t, x.titel, 1)`:                                "warning: x never has \"titel\" (did you mean \"title\"?)",

		// What must fail is.
		`x.titel`:                `x never has "titel" (did you mean "title"?)`,
		`x["titel"]`:             `the object never has "titel" (did you mean "title"?)`,
		`x.gone`:                 `x never has "gone"`,
		`has(x.titel.a)`:         `x never has "titel"`,
		`x.title + x.year`:       `cannot apply + to a string and a number (string(…) makes a string of a number)`,
		`x.title * 2`:            `cannot apply * to a string and a number`,
		`x.year > "1999"`:        `cannot compare a number with a string by >`,
		`x.title.name`:           `there is no "name": x.title is a string`,
		`x.cast.name`:            `there is no "name": x.cast is a list`,
		`x.cast[0].born`:         `the object never has "born"`,
		`x.tags["a"]`:            `the index of a list must be a number, found a string`,
		`x.year[0]`:              `cannot index a number`,
		`!x.year`:                `! needs a boolean, found a number`,
		`x.year && x.title`:      `&& needs a boolean, found a number`,
		`x.year ? 1 : 2`:         `?: needs a boolean, found a number`,
		`-x.title`:               `- needs a number, found a string`,
		`x.year.map(i, i)`:       `cannot go over a number`,
		`size(x.year)`:           `size cannot be applied to a number`,
		`x.year.startsWith("a")`: `startsWith cannot be applied to a number and a string`,
		`x.title.matches("a") && x.year.matches("b")`: `warning: matches needs a string, found a number`,
		`x.title.orValue("a")`:                        `or and orValue need an optional value, found a string`,
		`true ? x.titel : x.title`:                    `x never has "titel"`,
		`[x.titel]`:                                   `x never has "titel"`,
		`{"a": x.titel}`:                              `x never has "titel"`,
		`[x.title][0] * 2`:                            `cannot apply * to a string and a number`,
		`{"a": x.title}.b`:                            `the object never has "b" (did you mean "a"?)`,
		`x.titel > 1 && x.yeer > 2`:                   `x never has "titel"`,

		// What fails in one part of it is a warning: another part may decide.
		`x.titel == "a" || x.year > 1`:   `warning: x never has "titel"`,
		`x.year > 1 ? x.titel : x.title`: `warning: x never has "titel"`,
		`x.cast.map(c, c.born)`:          `warning: c never has "born"`,
		`x.cast.all(c, c.name > 1)`:      `warning: cannot compare a string with a number by >`,
	} {
		p, err := NewEnv("x", "y").Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		_, found := p.Infer(map[string]*Type{"x": film})
		var got []string
		for _, f := range found {
			text := f.Text
			if f.Hint != "" {
				text += " (" + f.Hint + ")"
			}
			if !f.Always {
				text = "warning: " + text
			}
			got = append(got, text)
			if f.Line != 1 || f.Column < 1 || f.Column > len(source) {
				t.Errorf("%s: at line %d, column %d", source, f.Line, f.Column)
			}
		}
		if text := strings.Join(got, "; "); want == "" && text != "" || !strings.Contains(text, want) || strings.HasPrefix(text, "warning") != strings.HasPrefix(want, "warning") {
			t.Errorf("%s: found %q, want %q", source, text, want)
		}
	}
}

func TestInferResult(t *testing.T) {
	for source, want := range map[string]Kinds{
		`x.year + 1`: Number, `x.title + "a"`: String, `x.rating`: Null | Number, `[x.year]`: List, `{"a": 1}`: Object,
		`x.year > 1`: Bool, `has(x.nothing)`: False, `true`: True, `x.year == null`: False, `x.year != null`: True,
		`null == null`: True, `x.year > 1 || true`: True, `true || x.year > 1`: True, `x.year > 1 && false`: Bool &^ True,
		`x.year > 1 ? 1 : "a"`: Number | String, `size(x.title)`: Number, `x.tags.map(t, t)`: List, `!has(x.nothing)`: True,
	} {
		p, err := NewEnv("x").Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := p.Infer(map[string]*Type{"x": film})
		if got == nil || got.Kinds != want {
			t.Errorf("%s: %+v, want %08b", source, got, want)
		}
	}
}

// holds reports whether a value is of a type.
func holds(t *Type, v any) bool {
	if t == nil {
		return true
	}
	switch v := v.(type) {
	case nil:
		return t.has(Null)
	case bool:
		if v {
			return t.has(True)
		}
		return t.has(False)
	case json.Number:
		return t.has(Number)
	case string:
		return t.has(String)
	case []any:
		return t.has(List) && !slices.ContainsFunc(v, func(item any) bool { return !holds(t.Items, item) })
	case map[string]any:
		for name, m := range v {
			if !holds(t.member(name), m) {
				return false
			}
		}
		return t.has(Object)
	}
	return false
}

func drawType(t *rapid.T, depth int) *Type {
	if rapid.IntRange(0, 9).Draw(t, "any") == 0 {
		return nil
	}
	single := []Kinds{Null, True, Bool, Number, String, Number | Null}
	if depth > 0 {
		single = append(single, List, Object, Object, Object|String, List|Number)
	}
	u := &Type{Kinds: rapid.SampledFrom(single).Draw(t, "kinds")}
	if u.has(List) {
		u.Items = drawType(t, depth-1)
	}
	if u.has(Object) {
		u.Members = map[string]*Type{}
		for _, name := range []string{"a", "b"} {
			if rapid.Bool().Draw(t, name) {
				u.Members[name] = drawType(t, depth-1)
			}
		}
		u.Rest = never
		if rapid.IntRange(0, 3).Draw(t, "open") == 0 {
			u.Rest = drawType(t, 0)
		}
	}
	return u
}

// drawOf draws a value of a type.
func drawOf(t *rapid.T, u *Type, depth int) any {
	k := Anything
	if u != nil {
		k = u.Kinds
	}
	var kinds []Kinds
	for _, one := range []Kinds{Null, False, True, Number, String, List, Object} {
		if k&one != 0 && (depth > 0 || one&(List|Object) == 0 || k == one) {
			kinds = append(kinds, one)
		}
	}
	if len(kinds) == 0 {
		kinds = []Kinds{k & (List | Object)}
	}
	switch one := rapid.SampledFrom(kinds).Draw(t, "kind"); {
	case one == Null:
		return nil
	case one&Bool != 0:
		return one == True
	case one == Number:
		return json.Number(rapid.SampledFrom([]string{"0", "1", "2.5"}).Draw(t, "number"))
	case one == String:
		return rapid.SampledFrom([]string{"", "a", "b", "1"}).Draw(t, "string")
	case one&List != 0:
		list := []any{}
		if depth > 0 && !u.items().isNever() {
			for range rapid.IntRange(0, 2).Draw(t, "items") {
				list = append(list, drawOf(t, u.items(), depth-1))
			}
		}
		return list
	}
	m := map[string]any{}
	if depth > 0 {
		for _, name := range []string{"a", "b", "c"} {
			if member := u.member(name); !member.isNever() && rapid.Bool().Draw(t, name) {
				m[name] = drawOf(t, member, depth-1)
			}
		}
	}
	return m
}

// drawSource draws an expression, often one that fails.
func drawSource(t *rapid.T, depth int, variables []string) string {
	if depth == 0 {
		return rapid.SampledFrom(append([]string{"x.a", "x.b", "x.a.b", "1", `"a"`, "true", "null", "x"}, variables...)).Draw(t, "end")
	}
	sub := func() string { return drawSource(t, depth-1, variables) }
	name := func() string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name") }
	v := fmt.Sprintf("v%d", len(variables))
	inner := func() string { return drawSource(t, depth-1, append(slices.Clone(variables), v)) }
	switch rapid.IntRange(0, 17).Draw(t, "form") {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", sub(), rapid.SampledFrom([]string{"+", "-", "*", "/", "%"}).Draw(t, "op"), sub())
	case 2:
		return fmt.Sprintf("(%s %s %s)", sub(), rapid.SampledFrom([]string{"<", ">=", "==", "!="}).Draw(t, "op"), sub())
	case 3, 4:
		return fmt.Sprintf("(%s %s %s)", sub(), rapid.SampledFrom([]string{"&&", "||"}).Draw(t, "op"), sub())
	case 5:
		return fmt.Sprintf("(%s ? %s : %s)", sub(), sub(), sub())
	case 6, 7:
		return fmt.Sprintf("x.%s", name()) + rapid.SampledFrom([]string{"", ".a", "[0]", `["b"]`, ".c.a"}).Draw(t, "more")
	case 8:
		return fmt.Sprintf("has(x.%s.%s)", name(), name())
	case 9:
		return fmt.Sprintf("!(%s)", sub())
	case 10:
		return fmt.Sprintf("(%s).map(%s, %s)", sub(), v, inner())
	case 11:
		return fmt.Sprintf("(%s).%s(%s, %s)", sub(), rapid.SampledFrom([]string{"exists", "all", "filter", "exists_one"}).Draw(t, "loop"), v, inner())
	case 12:
		return fmt.Sprintf("[%s, %s]", sub(), sub())
	case 13:
		return fmt.Sprintf(`{"a": %s, %s: %s}`, sub(), rapid.SampledFrom([]string{`"b"`, "string(1)"}).Draw(t, "key"), sub())
	case 14:
		return fmt.Sprintf("x.?%s.orValue(%s)", name(), sub())
	case 15:
		return fmt.Sprintf("cel.bind(%s, %s, %s)", v, sub(), inner())
	case 16:
		return fmt.Sprintf("dyn(%s)[%s]", sub(), sub())
	}
	f := rapid.SampledFrom([]string{
		"size(%s)", "string(%s)", "int(%s)", "double(%s)", "dyn(%s).contains(\"a\")", "dyn(%s).upperAscii()", "dyn(%s).reverse()", "type(%s) == string",
		"dyn(%s).join(\",\")", "dyn(%s).split(\",\")", "dyn(%s).sort()", "dyn(%s).distinct()", "math.abs(%s)", "math.greatest(%s, 1)", "bool(%s)", "duration(%s)",
		"(%s) in x", "\"a\" in dyn(%s)", "dyn(%s).matches(\"a\")", "dyn(%s).flatten()", "dyn(%s).size()", "dyn(%s).slice(0, 1)", "lists.range(%s)",
	}).Draw(t, "function")
	return fmt.Sprintf(f, sub())
}

// Whatever is said of an expression is so for every document: it fails where it
// is said to always fail, and what it gives is of the type that was inferred.
func TestPropertyInfer(t *testing.T) {
	checks(t, 5_000)
	env := NewEnv("x")
	always, succeeded, sharp := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		source := drawSource(t, rapid.IntRange(1, 3).Draw(t, "depth"), nil)
		p, err := env.Compile(source)
		if err != nil {
			t.Skip()
		}
		u := drawType(t, 2)
		result, found := p.Infer(map[string]*Type{"x": u})
		fails := slices.ContainsFunc(found, func(f *Finding) bool { return f.Always })
		if fails != result.isNever() {
			t.Fatalf("%s: %v, but the result is %+v", source, found, result)
		}
		for range 6 {
			v := drawOf(t, u, 3)
			if !holds(u, v) {
				t.Fatalf("%v is not of the type %+v", v, u)
			}
			d, err := document.FromValue(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Eval(context.Background(), map[string]document.Document{"x": d})
			if fails {
				always++
			}
			if err != nil {
				continue
			}
			if fails {
				t.Fatalf("%s with x = %s gives %s and is said to fail always: %+v", source, d, got, found[0])
			}
			succeeded++
			value, err := got.Value()
			if err != nil {
				t.Fatal(err)
			}
			if !holds(result, value) {
				t.Fatalf("%s with x = %s gives %s, which is not of the inferred type %s", source, d, got, shown(result))
			}
			if result != nil {
				sharp++
			}
		}
	})
	t.Logf("%d fail always, %d succeed, %d with a known type", always, succeeded, sharp)
	if always == 0 || sharp == 0 {
		t.Error("nothing was inferred")
	}
}

func shown(t *Type) string {
	if t == nil {
		return "any"
	}
	text := t.Kinds.describe()
	for _, name := range slices.Sorted(maps.Keys(t.Members)) {
		text += " " + name + ":(" + shown(t.Members[name]) + ")"
	}
	return text
}

// checks raises the number of cases, unless the command line says how many: a
// hundred find too little here.
func checks(t *testing.T, n int) {
	t.Helper()
	const name = "rapid.checks"
	f := flag.Lookup(name)
	if f.Value.String() != f.DefValue {
		return
	}
	if err := flag.Set(name, strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
}
