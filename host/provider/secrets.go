package provider

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// expander puts the values of secrets in place of references, and remembers
// them, so that they can be kept out of the log.
type expander struct {
	secrets capability.Secrets
	values  []string
}

// reference is ${secret:NAME}; anything that begins like one goes to Expand,
// which complains about what is malformed.
var reference = regexp.MustCompile(`\$\{secret:[^}]*\}`)

// document expands each string value of d. Keys stay as they are.
func (e *expander) document(d document.Document) (document.Document, error) {
	if !bytes.Contains(d.Bytes(), []byte("secret:")) && !bytes.ContainsRune(d.Bytes(), '\\') {
		return d, nil // the usual case
	}
	v, err := d.Value()
	if err != nil {
		return d, err
	}
	if v, err = e.value(v); err != nil {
		return d, err
	}
	return document.FromValue(v)
}

func (e *expander) value(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return e.text(v)
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			var err error
			if out[i], err = e.value(one); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, one := range v {
			var err error
			if out[k], err = e.value(one); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return v, nil
	}
}

func (e *expander) text(s string) (string, error) {
	for _, r := range reference.FindAllString(s, -1) {
		value, err := e.secrets.Expand(r)
		if err != nil {
			return "", fmt.Errorf("expanding a secret: %w", err)
		}
		e.values = append(e.values, value)
	}
	return e.secrets.Expand(s)
}
