package failure

import (
	"fmt"
	"strings"
)

// summaryViolations is how many violations a one-line message spells out.
const summaryViolations = 3

// Summary says the first violations in one line, for a failure's message.
func Summary(vs []Violation) string {
	var b strings.Builder
	for i, v := range vs {
		if i == summaryViolations {
			fmt.Fprintf(&b, "; and %d more", len(vs)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(v.String())
	}
	return b.String()
}

// String gives "/rows/3/title: expected string, found 7".
func (v Violation) String() string {
	at := v.Pointer
	if at == "" {
		at = "the document"
	}
	s := at + ": " + v.Message
	if v.Found != "" {
		s += ", found " + v.Found
	}
	return s
}

// String gives the one line that a person reads first.
func (f Failure) String() string {
	s := string(f.Code)
	if f.Reason != "" {
		s += " (" + f.Reason + ")"
	}
	return s + ": " + f.Message
}
