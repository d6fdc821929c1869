// What a spec test script says: commands, and values with their NaN patterns,
// as wabt's wast2json writes them.
package spectest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// script is one converted .wast file; the module files that its commands name
// lie beside it.
type script struct {
	Source   string    `json:"source_filename"`
	Commands []command `json:"commands"`
	folder   string
}

type command struct {
	Type       string  `json:"type"`
	Line       int     `json:"line"`
	Name       string  `json:"name"`
	As         string  `json:"as"`
	Filename   string  `json:"filename"`
	ModuleType string  `json:"module_type"`
	Text       string  `json:"text"`
	Action     action  `json:"action"`
	Expected   []value `json:"expected"`
}

type action struct {
	Type   string  `json:"type"`
	Module string  `json:"module"`
	Field  string  `json:"field"`
	Args   []value `json:"args"`
}

// value is an argument or an expectation. Value is a decimal string of the
// bits, "null", a NaN pattern, a list of such strings (v128), or absent (a
// reference of which only the type matters).
type value struct {
	Type     string          `json:"type"`
	LaneType string          `json:"lane_type"`
	Value    json.RawMessage `json:"value"`
}

func readScript(path string) (*script, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading script: %w", err)
	}
	s := &script{folder: filepath.Dir(path)}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("parsing script %s: %w", path, err)
	}
	return s, nil
}

// bits gives an argument as wazero takes it: one word, two for a v128.
func (v value) bits() ([]uint64, error) {
	lanes, width, err := v.lanes()
	if err != nil {
		return nil, err
	}
	words := make([]uint64, (len(lanes)*width+63)/64)
	for i, text := range lanes {
		b, err := parseBits(text, v.Type, width)
		if err != nil {
			return nil, err
		}
		words[i*width/64] |= b << (i * width % 64)
	}
	return words, nil
}

// lanes splits a value into texts of `width` bits each; a scalar has one.
func (v value) lanes() ([]string, int, error) {
	if v.Type != "v128" {
		var text string
		if err := json.Unmarshal(v.Value, &text); err != nil {
			return nil, 0, fmt.Errorf("value of type %s: %w", v.Type, err)
		}
		width := 64
		if v.Type == "i32" || v.Type == "f32" {
			width = 32
		}
		return []string{text}, width, nil
	}
	var texts []string
	if err := json.Unmarshal(v.Value, &texts); err != nil {
		return nil, 0, fmt.Errorf("v128 value: %w", err)
	}
	width, err := strconv.Atoi(strings.TrimLeft(v.LaneType, "if"))
	if err != nil || width*len(texts) != 128 {
		return nil, 0, fmt.Errorf("v128 of %d lanes of type %q", len(texts), v.LaneType)
	}
	return texts, width, nil
}

func parseBits(text, valueType string, width int) (uint64, error) {
	if text == "null" {
		return 0, nil
	}
	if strings.HasPrefix(text, "-") {
		n, err := strconv.ParseInt(text, 10, width)
		return uint64(n) & (math.MaxUint64 >> (64 - width)), err
	}
	n, err := strconv.ParseUint(text, 10, width)
	if valueType == "externref" {
		n++ // wazero's externref 0 is null, the suite's is not
	}
	return n, err
}

// matches says whether the words that a call returned are what v expects, and
// how many of the words v covers.
func (v value) matches(words []uint64) (ok bool, used int, err error) {
	used = 1
	if v.Type == "v128" {
		used = 2
	}
	if len(words) < used {
		return false, used, nil
	}
	if v.Value == nil { // any reference of the type
		return strings.HasSuffix(v.Type, "ref"), used, nil
	}
	lanes, width, err := v.lanes()
	if err != nil {
		return false, used, err
	}
	for i, text := range lanes {
		got := words[i*width/64] >> (i * width % 64) & (math.MaxUint64 >> (64 - width))
		switch text {
		case "nan:canonical":
			if !canonicalNaN(got, width) {
				return false, used, nil
			}
		case "nan:arithmetic":
			if !arithmeticNaN(got, width) {
				return false, used, nil
			}
		default:
			want, err := parseBits(text, v.Type, width)
			if err != nil {
				return false, used, err
			}
			if got != want {
				return false, used, nil
			}
		}
	}
	return true, used, nil
}

// canonicalNaN: only the top bit of the payload is set; the sign is free.
func canonicalNaN(b uint64, width int) bool {
	if width == 32 {
		return b&0x7fffffff == 0x7fc00000
	}
	return b&(1<<63-1) == 0x7ff8000000000000
}

// arithmeticNaN: the top bit of the payload is set, the rest is free.
func arithmeticNaN(b uint64, width int) bool {
	if width == 32 {
		return b&0x7fc00000 == 0x7fc00000
	}
	return b&0x7ff8000000000000 == 0x7ff8000000000000
}

// trapText turns the suite's name of a trap into a part of wazero's message.
func trapText(text string) string {
	switch {
	case text == "indirect call":
		return "indirect call type mismatch"
	case text == "undefined element", text == "undefined", text == "out of bounds table access",
		strings.HasPrefix(text, "uninitialized"):
		return "invalid table access"
	}
	return text
}
