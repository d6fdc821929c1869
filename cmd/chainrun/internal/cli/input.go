package cli

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// readInput gives the text that --input names.
func (a *app) readInput(value string) ([]byte, error) { return a.readDocument("--input", value) }

// readDocument gives the text that a flag names: JSON itself, @FILE, or - for stdin. It reads one byte more than a document may have, so that the complaint
// about its size comes from the place that knows the rule.
func (a *app) readDocument(flag, value string) ([]byte, error) {
	limit := int64(document.DefaultBytes) + 1
	switch {
	case value == "-":
		text, err := io.ReadAll(io.LimitReader(a.In, limit))
		if err != nil {
			return nil, usagef("%s: reading stdin: %w", flag, err)
		}
		return text, nil
	case strings.HasPrefix(value, "@"):
		name := value[1:]
		f, err := os.Open(name)
		if err != nil {
			return nil, usagef("%s: %w", flag, err)
		}
		text, err := io.ReadAll(io.LimitReader(f, limit))
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, usagef("%s: %w", flag, err)
		}
		return text, nil
	}
	return []byte(value), nil
}
