// A node of types: each entry takes a type, and returns the value, so that a test
// can hold the schema of the type against what encoding/json makes of it.
package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type numbers struct {
	Any    float64  `json:"any"`
	Whole  int64    `json:"whole,omitempty"`
	Small  uint8    `json:"small,omitempty"`
	Signed int16    `json:"signed,omitempty"`
	Quoted int      `json:"quoted,omitempty,string"`
	Maybe  *float32 `json:"maybe"`
}

type texts struct {
	Plain   string         `json:"plain"`
	At      *time.Time     `json:"at,omitempty"`
	Bytes   []byte         `json:"bytes,omitempty"`
	Address *netip.Addr    `json:"address,omitempty"`
	Exact   json.Number    `json:"exact,omitempty"`
	Odd     string         `json:"a~b/c %,omitempty"`
	Rest    map[string]any `json:"rest,omitempty"`
}

type lists struct {
	Names  []string           `json:"names"`
	Pair   [2]int             `json:"pair,omitempty"`
	Counts map[int][]bool     `json:"counts"`
	Deep   [][]map[string]int `json:"deep,omitempty"`
}

type base struct {
	ID string `json:"id"`
}

type Extra struct {
	Note string `json:"note"`
}

type embedding struct {
	base
	*Extra
	Own bool `json:"own"`
}

type tree struct {
	Value    int              `json:"value"`
	Children []tree           `json:"children,omitempty"`
	Named    map[string]*tree `json:"named,omitempty"`
}

type level string

// JSONSchema implements node.Schemer.
func (level) JSONSchema() json.RawMessage { return json.RawMessage(`{"enum": ["low", "high"]}`) }

type chosen struct {
	Level level `json:"level"`
	Size  int   `json:"size" jsonschema:"enum=1,enum=2,enum=3"`
	Kinds []int `json:"kinds,omitempty" jsonschema:"minItems=1,maxItems=2,uniqueItems,maximum=9"`
	Code  *int  `json:"code" jsonschema:"enum=7"`
}

func same[T any](_ context.Context, v T) (T, error) { return v, nil }

func init() {
	node.HandleEntry("numbers", same[numbers])
	node.HandleEntry("texts", same[texts])
	node.HandleEntry("lists", same[lists])
	node.HandleEntry("embedding", same[embedding])
	node.HandleEntry("tree", same[tree])
	node.HandleEntry("chosen", same[chosen])
	node.HandleEntry("strings", same[[]string])
	node.HandleEntry("anything", same[any])
}

func main() { node.Main() }
