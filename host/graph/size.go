package graph

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the units of sizes, the largest first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
}

// ParseSize reads "16MiB" as a number of bytes. Where it cannot, hint is what was
// probably meant.
func ParseSize(s string) (n int64, hint string, ok bool) {
	text := strings.TrimSpace(s)
	for _, u := range sizeUnits {
		digits, found := strings.CutSuffix(text, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(digits), "_", ""), 10, 64)
		switch {
		case err != nil || n < 0:
			// "16MB" ends in B as well.
		case n > math.MaxInt64/u.bytes:
			return 0, "the size is too large", false
		default:
			return n * u.bytes, "", true
		}
	}
	lower := strings.ToLower(text)
	digits := strings.TrimRight(lower, "bikmgyte ")
	if _, err := strconv.ParseInt(digits, 10, 64); err == nil {
		unit := strings.TrimSpace(lower[len(digits):])
		for _, u := range sizeUnits[:3] {
			if strings.HasPrefix(unit, strings.ToLower(u.name[:1])) {
				return 0, fmt.Sprintf("write %q", digits+u.name), false
			}
		}
	}
	return 0, "the units are B, KiB, MiB and GiB", false
}

// FormatSize writes a size in the largest unit that divides it, as it stands in a
// graph file: in quotes where it has a unit.
func FormatSize(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 && u.bytes > 1 {
			return strconv.Quote(strconv.FormatInt(n/u.bytes, 10) + u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}
