package plan

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
	if m := schemePattern.FindStringSubmatch(r.name); m != nil {
		r.scheme = m[1]
	}
	return r, nil
}
