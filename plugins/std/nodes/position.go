package nodes

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// position is a place in a text, for people: the line and the column, in characters,
// of a byte.
func position(text string, offset int) string {
	before := text[:min(max(offset, 0), len(text))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}
