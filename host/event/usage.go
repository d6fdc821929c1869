package event

// What calls used up: sums, and how costs are written.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Tokens are those of input and output together, as limits and budgets count
// them.
func (u Usage) Tokens() int64 { return sum(u.InputTokens, u.OutputTokens) }

// Plus adds what two used up. What would be more than an int64 holds stays at the
// largest.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Calls: sum(u.Calls, v.Calls), Bytes: sum(u.Bytes, v.Bytes),
		InputTokens: sum(u.InputTokens, v.InputTokens), OutputTokens: sum(u.OutputTokens, v.OutputTokens),
		Cost: sum(u.Cost, v.Cost),
	}
}

// sum adds numbers that are not negative.
func sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Valid reports whether nothing is negative.
func (u Usage) Valid() bool { return min(u.Calls, u.Bytes, u.InputTokens, u.OutputTokens, u.Cost) >= 0 }

// CostText writes a cost in the unit of the prices, exactly and without needless
// zeros: 1_250_000 billionths are "0.00125".
func CostText(billionths int64) string {
	sign := ""
	whole, rest := billionths/1e9, billionths%1e9
	if billionths < 0 {
		sign, whole, rest = "-", -whole, -rest
	}
	text := sign + strconv.FormatInt(whole, 10)
	if rest == 0 {
		return text
	}
	return text + "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
}

// parseCost reads what CostText writes.
func parseCost(text string) (int64, error) {
	whole, rest, _ := strings.Cut(text, ".")
	rest = strings.TrimRight(rest, "0")
	if len(rest) <= 9 {
		n, err := strconv.ParseInt(whole+rest+strings.Repeat("0", 9-len(rest)), 10, 64)
		if err == nil && n >= 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the cost %s is no number of billionths", text)
}

// MarshalJSON writes all members, the cost as an exact decimal number.
func (u Usage) MarshalJSON() ([]byte, error) { return u.appendTo(nil), nil }

func (u Usage) appendTo(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"calls":`...), u.Calls, 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), u.Bytes, 10)
	b = strconv.AppendInt(append(b, `,"input_tokens":`...), u.InputTokens, 10)
	b = strconv.AppendInt(append(b, `,"output_tokens":`...), u.OutputTokens, 10)
	b = append(append(b, `,"cost":`...), CostText(u.Cost)...)
	return append(b, '}')
}

// UnmarshalJSON reads what MarshalJSON writes. What is absent is 0; nothing may
// be negative.
func (u *Usage) UnmarshalJSON(b []byte) error {
	v := struct {
		Calls        int64       `json:"calls"`
		Bytes        int64       `json:"bytes"`
		InputTokens  int64       `json:"input_tokens"`
		OutputTokens int64       `json:"output_tokens"`
		Cost         json.Number `json:"cost"`
	}{Cost: "0"}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return err
	}
	cost, err := parseCost(v.Cost.String())
	if err != nil {
		return err
	}
	read := Usage{v.Calls, v.Bytes, v.InputTokens, v.OutputTokens, cost}
	if !read.Valid() {
		return errors.New("a usage is negative")
	}
	*u = read
	return nil
}
