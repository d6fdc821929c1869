package plan

// How a graph names its modules: a path, or a reference with a scheme.

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// reference is a node's `module` value, taken apart.
type reference struct {
	name   string // a path, std:NAME, or a URL-like reference
	scheme string // "std", "https", "oci", …; "" for a path
	digest string // "sha256:<hex>" where the author pinned one
}

// entry is the entry that a reference with a scheme is to, where the module has one
// of that name: std:jq calls the entry jq. "" where there is none.
func (r reference) entry() string {
	if r.scheme == "" {
		return ""
	}
	return strings.TrimPrefix(r.name, r.scheme+":")
}

// SplitReference takes the scheme off a reference such as std:jq; the scheme of a
// path is "".
func SplitReference(s string) (scheme, name string) {
	if m := schemePattern.FindStringSubmatch(s); m != nil {
		return m[1], s[len(m[0]):]
	}
	return "", s
}

// ReferenceError is what a [Reader] says of a reference with a scheme that it
// cannot follow.
type ReferenceError struct {
	Code string // of the diagnostic
	Text string // what is wrong with it, without the reference
	Hint string // what to write instead
}

func (e *ReferenceError) Error() string { return e.Text }

var schemePattern = regexp.MustCompile(`^([a-z][a-z0-9+.-]+):`)

func parseReference(s string) (reference, error) {
	r := reference{name: s}
	if i := strings.LastIndex(s, "@sha256:"); i >= 0 {
		r.name, r.digest = s[:i], s[i+1:]
		sum, err := hex.DecodeString(strings.TrimPrefix(r.digest, "sha256:"))
		if err != nil || len(sum) != sha256.Size {
			return r, fmt.Errorf("module %q: what follows @ is no digest; expected @sha256: and 64 hexadecimal digits", s)
		}
		r.digest = strings.ToLower(r.digest)
	}
	if r.name == "" {
		return r, fmt.Errorf("module %q names no file", s)
	}
	r.scheme, _ = SplitReference(r.name)
	return r, nil
}
