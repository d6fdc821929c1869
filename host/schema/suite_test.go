package schema

// The official JSON-Schema-Test-Suite: what this package says, what the
// authority by itself says, and where either disagrees with the suite. The
// disagreements are listed in testdata, so that a change is noticed; run with
// -update to write them anew.

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
)

var update = flag.Bool("update", false, "write the list of disagreements anew")

type suiteGroup struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// suiteFolder finds the suite beside the repository.
func suiteFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	suite := filepath.Join(dir, "..", "shared", "testdata", "JSON-Schema-Test-Suite")
	if _, err := os.Stat(suite); err != nil {
		t.Skip("the JSON-Schema-Test-Suite is not there: ", err)
	}
	return suite
}

func suiteRemotes(t *testing.T, suite string) map[string][]byte {
	t.Helper()
	remotes := map[string][]byte{}
	root := filepath.Join(suite, "remotes")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		remotes["http://localhost:1234/"+filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return remotes
}

// inDraft7 names the draft in a schema that does not say its own: that suite's
// schemas do not.
func inDraft7(schema []byte) []byte {
	if at := bytes.IndexByte(schema, '{'); at == 0 && !bytes.Contains(schema, []byte(`"$schema"`)) {
		comma := ","
		if bytes.TrimSpace(schema[1:])[0] == '}' {
			comma = ""
		}
		return append([]byte(`{"$schema":"http://json-schema.org/draft-07/schema#"`+comma), schema[1:]...)
	}
	return schema
}

// authority compiles with santhosh v5 as it comes.
func authority(source []byte, remotes map[string][]byte) (s *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	c := jsonschema.NewCompiler()
	c.LoadURL = func(u string) (io.ReadCloser, error) {
		if b, ok := remotes[u]; ok {
			return io.NopCloser(bytes.NewReader(b)), nil
		}
		return nil, fmt.Errorf("%s is not there", u)
	}
	if strings.Contains(string(source), "draft-07/schema#") {
		c.Draft = jsonschema.Draft7
	}
	if err := c.AddResource(rootURL, bytes.NewReader(source)); err != nil {
		return nil, err
	}
	return c.Compile(rootURL)
}

func TestSuite(t *testing.T) {
	suite := suiteFolder(t)
	remotes := suiteRemotes(t, suite)
	var lines []string
	total, agree, same := 0, 0, 0
	for _, draft := range []string{"draft7", "draft2019-09", "draft2020-12"} {
		cases, agreed := 0, 0
		root := filepath.Join(suite, "tests", draft)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var groups []suiteGroup
			if err := json.Unmarshal(b, &groups); err != nil {
				return err
			}
			rel, _ := filepath.Rel(filepath.Dir(root), path)
			for _, g := range groups {
				if draft == "draft7" {
					g.Schema = inDraft7(g.Schema)
				}
				ours, oursErr := compileWith("suite", g.Schema, nil, remotes)
				theirs, theirsErr := authority(g.Schema, remotes)
				for _, c := range g.Tests {
					cases++
					got := "does not compile"
					if oursErr == nil {
						got = verdict(ours.Validate(document.Trusted(c.Data)) == nil)
					}
					alone := "does not compile"
					if theirsErr == nil {
						var v any
						dec := json.NewDecoder(bytes.NewReader(c.Data))
						dec.UseNumber()
						if err := dec.Decode(&v); err != nil {
							return err
						}
						alone = verdict(theirs.Validate(v) == nil)
					}
					if got == alone {
						same++
					}
					if got == verdict(c.Valid) {
						agreed++
					}
					// That formats are asserted here and not by the authority alone is
					// counted; each other difference between the two is listed.
					if got != verdict(c.Valid) || (got != alone && !strings.Contains(rel, "format")) {
						lines = append(lines, fmt.Sprintf("%s: %s: %s: the suite says %s, the authority alone %s, here %s",
							filepath.ToSlash(rel), g.Description, c.Description, verdict(c.Valid), alone, got))
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d of %d cases agree with the suite", draft, agreed, cases)
		total, agree = total+cases, agree+agreed
	}
	t.Logf("all: %d of %d agree with the suite, %d with the authority alone", agree, total, same)
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "suite_disagreements.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Split(string(want), "\n")
	for _, line := range lines {
		if !slices.Contains(known, line) {
			t.Errorf("new: %s", line)
		}
	}
	for _, line := range known {
		if line != "" && !slices.Contains(lines, line) {
			t.Errorf("gone: %s", line)
		}
	}
}

func verdict(valid bool) string {
	if valid {
		return "valid"
	}
	return "invalid"
}
