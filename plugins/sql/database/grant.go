package database

// What a node may do with a database.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// grant is a node's permission, with what is its own alone.
type grant struct {
	readOnly   bool
	rows       int
	bytes      int
	timeout    time.Duration
	statements []string // nil: any
}

const (
	defaultRows    = 1000
	defaultBytes   = 4 << 20
	defaultTimeout = 10 * time.Second
	maxTimeout     = time.Hour
)

// readGrant reads a grant that holds to the schema.
func readGrant(d document.Document) (grant, capability.Problems) {
	g := grant{readOnly: true, rows: defaultRows, bytes: defaultBytes, timeout: defaultTimeout}
	if d.IsZero() {
		return g, nil
	}
	var in struct {
		ReadOnly   *bool           `json:"read_only"`
		MaxRows    int             `json:"max_rows"`
		MaxBytes   json.RawMessage `json:"max_bytes"`
		Timeout    string          `json:"timeout"`
		Statements []string        `json:"statements"`
	}
	if err := json.Unmarshal(d.Canonical(), &in); err != nil {
		return g, capability.Problems{{Text: err.Error()}}
	}
	var problems capability.Problems
	if in.ReadOnly != nil {
		g.readOnly = *in.ReadOnly
	}
	if in.MaxRows > 0 {
		g.rows = min(in.MaxRows, maxRows)
	}
	if in.MaxBytes != nil {
		n, err := size(in.MaxBytes)
		if err == nil && (n < 1 || n > maxBytes) {
			err = fmt.Errorf("%d bytes are not between 1 and %d", n, maxBytes)
		}
		if err != nil {
			problems = append(problems, capability.Problem{Pointer: "/max_bytes", Text: err.Error(), Hint: "at most 15MiB"})
		}
		g.bytes = int(n)
	}
	if in.Timeout != "" {
		t, err := time.ParseDuration(in.Timeout)
		if err != nil || t < time.Millisecond || t > maxTimeout {
			problems = append(problems, capability.Problem{
				Pointer: "/timeout", Text: fmt.Sprintf("%q is not a time between 1ms and 1h", in.Timeout), Hint: `such as "10s"`,
			})
		}
		g.timeout = t
	}
	for i, text := range in.Statements {
		word := firstWord(text, true)
		problem := capability.Problem{Pointer: fmt.Sprintf("/statements/%d", i)}
		switch {
		case slices.Contains(readingWords, word):
		case !slices.Contains(writingWords, word):
			problem.Text = fmt.Sprintf("a statement that begins with %q is never allowed", word)
		case g.readOnly:
			problem.Text = fmt.Sprintf("a statement that begins with %q needs a grant that allows writing", word)
			problem.Hint = "read_only = false"
		}
		if problem.Text != "" {
			problems = append(problems, problem)
		}
		g.statements = append(g.statements, plain(text))
	}
	return g, problems
}

func size(raw []byte) (int64, error) {
	text := strings.Trim(string(raw), `"`)
	factor := int64(1)
	if rest, ok := strings.CutSuffix(text, "KiB"); ok {
		text, factor = rest, 1<<10
	} else if rest, ok := strings.CutSuffix(text, "MiB"); ok {
		text, factor = rest, 1<<20
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > 1<<40 {
		return 0, fmt.Errorf("%s is no size", raw)
	}
	return n * factor, nil
}
