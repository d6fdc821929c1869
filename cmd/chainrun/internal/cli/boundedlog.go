package cli

import (
	"strings"
	"sync"

	"github.com/chainrun/chainrun/host/document"
)

// boundedLog keeps the beginning of what nodes log, for when it is wanted. Safe for
// concurrent use.
type boundedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

// maxLogShown is how much of it is kept.
const maxLogShown = 16 << 10

// Write implements io.Writer.
func (l *boundedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len()+len(p) <= maxLogShown {
		l.text.Write(p)
	}
	return len(p), nil
}

// Reset forgets what there was.
func (l *boundedLog) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// String is what was kept.
func (l *boundedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// valueLine is a value in a line, or that there is none.
func valueLine(d document.Document) string {
	if d.IsZero() {
		return "nothing"
	}
	return indented(brief(d, briefBytes))
}
