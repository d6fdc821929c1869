package secret

import (
	"fmt"
	"strings"
)

// Set is the values of a graph's secrets. A nil Set has none. Read-only and safe
// for concurrent use. It implements capability.Secrets.
type Set struct {
	values, env map[string]string
	order       []named // as they were resolved
}

type named struct{ name, value string }

func (s *Set) add(name, value string, to map[string]string) {
	to[name] = value
	s.order = append(s.order, named{name: name, value: value})
}

// Expand replaces each reference ${secret:NAME} in a text by its value, which is
// not expanded again. The error names the reference that has none, or says that
// one is malformed.
func (s *Set) Expand(text string) (string, error) {
	return expand(text, func(name string) (string, bool) {
		if s == nil {
			return "", false
		}
		v, ok := s.values[name]
		return v, ok
	})
}

// Env gives a variable that was resolved for a capability's description.
func (s *Set) Env(name string) (string, bool) {
	if s == nil {
		return "", false
	}
	v, ok := s.env[name]
	return v, ok
}

// Warnings says, a line each, which secrets are too short to be taken out of
// documents: the operator should know.
func (s *Set) Warnings() []string {
	if s == nil {
		return nil
	}
	var out []string
	for _, n := range s.order {
		if size := len(strings.TrimSpace(n.value)); size < MinRedacted {
			out = append(out, fmt.Sprintf("secret %q has %d bytes: secrets of less than %d are not taken out of documents, journals and logs; use a longer one", n.name, size, MinRedacted))
		}
	}
	return out
}

// String hides the values from every %v.
func (s *Set) String() string {
	if s == nil {
		return "no secrets"
	}
	return fmt.Sprintf("%d secrets", len(s.order))
}

// GoString hides the values from %#v.
func (s *Set) GoString() string { return s.String() }
