package cli

// Documents, for a person to read.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
)

// The bounds of a document that is shown; --json has all of it.
const (
	shownLines = 40
	shownWidth = 160 // of a line, in characters
	shortWidth = 72  // what fits beside its name
)

// document writes a document under its name: beside it where it is short, else in
// lines of its own.
func (p page) document(depth int, name string, d document.Document) {
	if d.IsZero() {
		return
	}
	text, cut := pretty(d)
	margin := strings.Repeat("  ", depth)
	if len(text) == 1 {
		fmt.Fprintf(p.w, "%s%-11s %s\n", margin, name, text[0])
	} else {
		fmt.Fprintf(p.w, "%s%s\n", margin, name)
		for _, line := range text {
			fmt.Fprintf(p.w, "%s  %s\n", margin, line)
		}
	}
	if cut != "" {
		fmt.Fprintf(p.w, "%s  %s\n", margin, p.style.faint.Render("("+cut+"; --json has all of it)"))
	}
}

// pretty lays a document out in lines, and says what it has left out.
func pretty(d document.Document) (lines []string, cut string) {
	if text := brief(d, shortWidth); !strings.HasSuffix(text, "…") {
		return []string{text}, ""
	}
	var b bytes.Buffer
	if err := json.Indent(&b, d.Bytes(), "", "  "); err != nil {
		return []string{brief(d, shownWidth)}, "clipped"
	}
	all := strings.Split(printable(b.String()), "\n")
	total := len(all)
	if total > shownLines {
		all = all[:shownLines]
		cut = thousands(uint64(total-shownLines)) + " more lines"
	}
	for i, line := range all {
		if clipped := clip(line, shownWidth); clipped != line {
			all[i] = clipped
			if cut == "" {
				cut = "long lines are clipped"
			}
		}
	}
	return all, cut
}

// brief is a document in one line of so many characters; it ends in … where there is
// more of it.
func brief(d document.Document, width int) string {
	b := d.Bytes()
	long := len(b) > 8*width
	if long { // the rest cannot fit
		b = b[:8*width]
	}
	text := cell(strings.ToValidUTF8(string(b), ""))
	if long {
		text += strings.Repeat(" ", width) // so that it is clipped
	}
	return clip(text, width)
}

// clip cuts a text to so many characters.
func clip(s string, width int) string {
	if len(s) <= width || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(width-1, 0)]) + "…"
}
