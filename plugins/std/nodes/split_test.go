package nodes

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	checkAll(t, "split", []check{
		{`{"size":3}`, `"abcdefgh"`, `["abc","def","gh"]`},
		{`{"size":3,"overlap":1}`, `"abcdefg"`, `["abc","cde","efg"]`},
		{`{"size":2}`, `"äöü"`, `["äö","ü"]`},
		{`{"size":5}`, `""`, `[]`},
		{`{"size":9,"at":"words"}`, `"one two three four"`, `["one two ","three ","four"]`},
		{`{"size":3,"at":"words"}`, `"abcdef gh"`, `["abc","def"," gh"]`},
		{`{"size":8,"at":"lines"}`, `"ab\ncd ef\ngh"`, `["ab\n","cd ef\ngh"]`},
		{`{"size":9,"at":"paragraphs"}`, `"ab\n\ncd\nef gh ij"`, `["ab\n\n","cd\n","ef gh ij"]`},
		{`{"size":2,"by":"words"}`, `"  one two\nthree  "`, `["  one two\n","three  "]`},
		{`{"size":2,"by":"words","overlap":1}`, `"a b c d"`, `["a b ","b c ","c d"]`},
		{`{"size":2,"by":"lines"}`, `"a\n\nb\nc"`, `["a\n\n","b\nc"]`},
		{`{"size":2}`, ` [1,{"a":1.50},3]`, `[[1,{"a":1.50}],[3]]`},
		{`{"size":2,"by":"items"}`, `[]`, `[]`},
		{`{"size":2,"overlap":2}`, `"a"`, `bad_config: …`},
		{`{"size":0}`, `"a"`, `bad_config: …`},
		{`{"size":2,"by":"items"}`, `"a"`, `bad_input: …`},
		{`{"size":2,"by":"words"}`, `["a"]`, `bad_input: …`},
	})
	checkAll(t, "merge", []check{
		{`{"separator":"\n"}`, `["a","b"]`, `"a\nb"`},
		{`{"overlap":1}`, `["abc","cde","efg"]`, `"abcdefg"`},
		{`{"overlap":9}`, `["abc","cde"]`, `"abc"`},
		{``, `[[1],[],[2.50]]`, `[1,2.50]`},
		{``, `[{"a":1,"b":1},{"b":2.0}]`, `{"a":1,"b":2.0}`},
		{``, `{"one":[1],"two":[2]}`, `[1,2]`},
		{``, `{"z":{"a":1},"a":{"a":2}}`, `{"a":2}`},
		{``, `[]`, `[]`},
		{`{"by":"words"}`, `[]`, `""`},
		{``, `["a",[1]]`, `bad_input: part 1: …`},
		{``, `[1,2]`, `bad_input: part 0: …`},
		{``, `"a"`, `bad_input: …`},
	})
}

// What is split and merged is what it was, whatever the parts are.
func TestSplitAndMerge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("ab ä\n\n\t 漢.")
	for range 300 {
		var b strings.Builder
		for range random.IntN(60) {
			b.WriteRune(letters[random.IntN(len(letters))])
		}
		size := 1 + random.IntN(12)
		overlap := random.IntN(size)
		by := []string{"characters", "words", "lines"}[random.IntN(3)]
		at := []string{"anywhere", "words", "lines", "paragraphs"}[random.IntN(4)]
		split := fmt.Sprintf(`{"by":%q,"size":%d,"overlap":%d,"at":%q}`, by, size, overlap, at)
		parts := chainrun{config: split}.run("split", quoted(b.String()))
		merge := fmt.Sprintf(`{"by":%q,"overlap":%d}`, by, overlap)
		if got := (chainrun{config: merge}).run("merge", parts); got != quoted(b.String()) {
			t.Fatalf("%s: %q in parts %s is %s", split, b.String(), parts, got)
		}
	}
}

func TestSplitIsBounded(t *testing.T) {
	text := quoted(strings.Repeat("a ", 1<<19))
	for _, config := range []string{
		`{"size":100000,"overlap":99999}`, `{"size":100000,"overlap":99999,"by":"words"}`, `{"size":100000,"overlap":99999,"at":"paragraphs"}`,
	} {
		if got := (chainrun{config: config}).run("split", text); !strings.HasPrefix(got, "too_large") {
			t.Errorf("%s: %.80s", config, got)
		}
	}
	if got := (chainrun{config: `{"size":50000,"overlap":49999}`}).run("split", "["+strings.Repeat("1,", 100_000)+"1]"); !strings.HasPrefix(got, "too_large") {
		t.Errorf("%.80s", got)
	}
}
