package schema

// Regular expressions: RE2 takes time linear in the text, but also in its own
// size, and a dozen characters can ask for a million instructions.

import (
	"fmt"
	"regexp/syntax"
)

// The bounds of patterns.
const (
	// MaxPatternSize is the size of one pattern, in instructions as it is
	// compiled; a counted repetition multiplies what it repeats.
	MaxPatternSize = 20_000
	// MaxPatternsSize is the size of all patterns of a schema and its files.
	MaxPatternsSize = 200_000
	// maxPatternSteps is how many steps the patterns of one check may take, a
	// step being one byte of text held against one instruction: some seconds.
	maxPatternSteps = 2 << 30
)

// patternSize is an upper bound of the instructions of a pattern, at most one
// more than MaxPatternSize. What is no pattern has none: the authority refuses
// it.
func patternSize(s string) int {
	if len(s) > 4*MaxPatternSize { // not even to be parsed
		return MaxPatternSize + 1
	}
	re, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return 0
	}
	return instructions(re)
}

func instructions(re *syntax.Regexp) int {
	n := 2
	if re.Op == syntax.OpLiteral {
		n += len(re.Rune)
	}
	for _, sub := range re.Sub {
		if n += instructions(sub); n > MaxPatternSize {
			return MaxPatternSize + 1
		}
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min, 1)
	}
	return min(n, MaxPatternSize+1)
}

// isPattern takes the place of the authority's format "regex", which would
// compile whatever a document has.
func isPattern(v any) bool {
	s, ok := v.(string)
	if !ok {
		return true
	}
	if patternSize(s) > MaxPatternSize {
		return false
	}
	_, err := syntax.Parse(s, syntax.Perl)
	return err == nil
}

// countPattern refuses a pattern before anybody compiles it. Strings that only
// look like patterns (in an enum, say) count too.
func (s *sources) countPattern(pattern, pointer string) error {
	n := patternSize(pattern)
	if n > MaxPatternSize {
		return &partError{pointer: pointer, text: fmt.Sprintf("the pattern %s has more than %d instructions", cut([]byte(pattern), 60), MaxPatternSize)}
	}
	if s.patterns += n; s.patterns > MaxPatternsSize {
		return &partError{pointer: pointer, text: fmt.Sprintf("the patterns of the schema and its files have more than %d instructions", MaxPatternsSize)}
	}
	return nil
}
