package secret

import (
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/document"
)

// Texts that are made to be slow are not: what a node may hand in takes a time
// that grows with its size alone.
func TestHostileTexts(t *testing.T) {
	const (
		size = 1 << 18
		most = 60 * time.Second // hundreds of times what it takes, and far less than the square of it
	)
	r := Redact(set(t, "a", strings.Repeat("a", 4000)+"b", "line", strings.Repeat("abcdefgh\\%", 3000), "key", "sk-0123456789abcdef"))
	for name, unit := range map[string]string{
		"marks": `\%`, "percents": "%25", "backslashes": `\\`, "mixed": `%5C\u0025`, "nearly": strings.Repeat("a", 3999) + "c",
		"prefix": "abcdefgh\\%", "coded": "YWFh", "pairs": `\ud83d`, "half": "%2", "cut": "abcdefgh\\%…", "found": "sk-0123456789abcdef",
	} {
		text := strings.Repeat(unit, size/len(unit))
		start := time.Now()
		r.Text(text)
		whole := time.Since(start)
		start = time.Now()
		stream := r.Stream()
		for i := 0; i < len(text); i += 7 {
			stream.Write(text[i:min(i+7, len(text))])
		}
		stream.Flush()
		pieces := time.Since(start)
		start = time.Now()
		r.Document(document.String(text))
		if d := time.Since(start); max(whole, pieces, d) > most {
			t.Errorf("%s: whole %v, in pieces %v, as a document %v", name, whole, pieces, d)
		}
	}
}
