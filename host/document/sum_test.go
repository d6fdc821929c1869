package document_test

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
)

func TestSum(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"0.1", "0.2", "0.3"},
		{"9007199254740993", "1", "9007199254740994"},
		{"-1", "1.0", "0"},
		{"1e3", "1E-3", "1000.001"},
		{"-0", "0", "0"},
		{"1e400", "0", "1e400"},
		{"1e401", "0", ""},
		{"1e-401", "0", ""},
		{strings.Repeat("9", 400), "1", "1e400"},
		{strings.Repeat("9", 401), "1", ""},
		{"1e99999999999999999999", "1", ""},
		{"1e400", "1e-400", ""},
	} {
		got, ok := document.Sum(document.MustParse(test.a), document.MustParse(test.b))
		if ok != (test.want != "") || ok && !got.Equal(document.MustParse(test.want)) {
			t.Errorf("%s + %s = %s, %v; want %s", test.a, test.b, got, ok, test.want)
		}
	}
}

func TestSumIsExact(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		got, ok := document.Sum(document.MustParse(a), document.MustParse(b))
		if !ok {
			t.Fatalf("%s + %s is refused", a, b)
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		have, fine := new(big.Rat).SetString(got.String())
		if !fine || have.Cmp(x.Add(x, y)) != 0 {
			t.Fatalf("%s + %s = %s", a, b, got)
		}
		if strconv.Quote(got.String()) != strconv.Quote(string(got.Canonical())) {
			t.Fatalf("%s is not canonical", got)
		}
	})
}
