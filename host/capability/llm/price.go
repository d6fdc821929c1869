package llm

// This file counts what an answer costs, exactly.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

const (
	billion = 1_000_000_000
	million = 1_000_000
)

// priceTable is a price as it is written, for a million tokens each.
type priceTable struct {
	Input  json.Number `json:"input"`
	Output json.Number `json:"output"`
}

// price is in billionths for a million tokens.
type price struct{ input, output int64 }

func readPrices(pointer string, tables map[string]priceTable) (map[string]price, capability.Problems) {
	prices := map[string]price{}
	var problems capability.Problems
	for _, model := range slices.Sorted(maps.Keys(tables)) {
		read := func(key string, n json.Number) int64 {
			if n == "" {
				return 0
			}
			v, err := readPrice(n)
			if err != nil {
				problems = append(problems, capability.Problem{
					Pointer: pointer + "/" + escape(model) + "/" + key,
					Text:    err.Error(),
					Hint:    "write what a million tokens cost, such as 0.25",
				})
			}
			return v
		}
		prices[model] = price{input: read("input", tables[model].Input), output: read("output", tables[model].Output)}
	}
	return prices, problems
}

var (
	errPriceRange  = errors.New("a price is from 0 to a million")
	errPriceDigits = errors.New("a price has at most nine digits after the point")
)

// readPrice reads a decimal number, exactly, as billionths.
func readPrice(n json.Number) (int64, error) {
	d, err := document.Parse([]byte(n), document.Limits{})
	if err != nil || d.Kind() != document.KindNumber {
		return 0, fmt.Errorf("%s is no number", n)
	}
	number := string(d.Canonical()) // exact, in one normal form
	_, exponent, _ := strings.Cut(number, "e")
	switch {
	case strings.HasPrefix(number, "-"), strings.HasPrefix(exponent, "+"), len(number) > 100:
		return 0, errPriceRange
	case len(exponent) > len("-99"):
		return 0, errPriceDigits
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok || r.Cmp(big.NewRat(million, 1)) > 0 {
		return 0, errPriceRange
	}
	r.Mul(r, big.NewRat(billion, 1))
	if !r.IsInt() {
		return 0, errPriceDigits
	}
	return r.Num().Int64(), nil
}

// cost is what these tokens cost in billionths, rounded up.
func (p price) cost(input, output int64) int64 {
	sum := new(big.Int).Mul(big.NewInt(input), big.NewInt(p.input))
	sum.Add(sum, new(big.Int).Mul(big.NewInt(output), big.NewInt(p.output)))
	sum.Add(sum, big.NewInt(million-1))
	sum.Quo(sum, big.NewInt(million))
	if !sum.IsInt64() || sum.Int64() > capability.Unlimited {
		return capability.Unlimited
	}
	return sum.Int64()
}

// affordable is how many tokens of output this many billionths pay for.
func (p price) affordable(cost int64) int64 {
	if p.output == 0 || cost >= capability.Unlimited {
		return capability.Unlimited
	}
	n := new(big.Int).Mul(big.NewInt(cost), big.NewInt(million))
	n.Quo(n, big.NewInt(p.output))
	if !n.IsInt64() || n.Int64() > capability.Unlimited {
		return capability.Unlimited
	}
	return max(n.Int64(), 1)
}

// money writes billionths as the decimal number they are.
func money(n int64) document.Document {
	text := fmt.Sprintf("%d.%09d", n/billion, n%billion)
	return document.Trusted([]byte(strings.TrimSuffix(strings.TrimRight(text, "0"), ".")))
}
