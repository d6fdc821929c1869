package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const house = "github.com/chainrun/chainrun/"

// TestHouse holds the imports of every package against the table of
// ARCHITECTURE.md: a package may import what its room's row names and whatever
// that may import, and nothing else of ours. A room without a row may not be.
func TestHouse(t *testing.T) {
	may := architecture(t)
	seen := map[string]bool{}
	for _, p := range packages(t) {
		room := roomOf(p.ImportPath, may)
		if room == "" {
			t.Errorf("%s is in no row of ARCHITECTURE.md", p.ImportPath)
			continue
		}
		seen[room] = true
		for _, imported := range p.Imports {
			path, ours := strings.CutPrefix(imported, house)
			if !ours {
				continue
			}
			if to := roomOf(house+path, may); to != room && !slices.Contains(may[room], to) {
				t.Errorf("%s imports %s, which its row in ARCHITECTURE.md does not allow", p.ImportPath, path)
			}
		}
	}
	for room := range may {
		if !seen[room] && room != "sdk/go" && room != "graphs" && room != "bench" { // modules of their own
			t.Errorf("ARCHITECTURE.md has a row for %s, which is not there", room)
		}
	}
}

// architecture reads the table: each room with all that it may import.
func architecture(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	direct, order := map[string][]string{}, []string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|.*\\| ([^|]+) \\|$").FindAllStringSubmatch(string(text), -1) {
		room, allowed := m[1], m[2]
		for name := range strings.SplitSeq(allowed, ", ") {
			switch {
			case name == "–":
			case name == "the above":
				direct[room] = append(direct[room], order...)
			case strings.HasPrefix(name, "and what"): // the command line: whatever a tool is about
				direct[room] = append(direct[room], order...)
			default:
				direct[room] = append(direct[room], known(order, name))
			}
		}
		order = append(order, room)
	}
	if len(order) < 15 {
		t.Fatalf("the table has %d rows; its form has changed", len(order))
	}
	closed := map[string][]string{}
	for _, room := range order { // rows name only rows above them
		for _, to := range direct[room] {
			if to == "" {
				t.Fatalf("the row of %s names something that no row above it is about", room)
			}
			closed[room] = append(append(closed[room], to), closed[to]...)
		}
		closed[room] = append(closed[room], direct[room]...)
	}
	return closed
}

// known gives the room that a row calls by its last name.
func known(rooms []string, name string) string {
	for _, r := range rooms {
		if r == name || strings.HasSuffix(r, "/"+name) {
			return r
		}
	}
	return ""
}

// roomOf gives the row that a package belongs to: the longest that it lies in.
func roomOf(path string, may map[string][]string) string {
	path = strings.TrimPrefix(path, house)
	for ; path != "."; path = parent(path) {
		if _, ok := may[path]; ok {
			return path
		}
		if !strings.Contains(path, "/") {
			break
		}
	}
	return ""
}

func parent(path string) string { return path[:strings.LastIndexByte(path, '/')] }

type goPackage struct {
	ImportPath string
	Imports    []string
}

// packages lists the packages of this module, without their tests.
func packages(t *testing.T) []goPackage {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	c.Dir = "../../../.."
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}
