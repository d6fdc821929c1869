package schema

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// The schemas of the official suite have every keyword: no document that one of
// them allows is outside of its shape, none that it refuses is proved to be
// inside, and what is proved of two neighbours holds for all their documents.
func TestSuiteShapes(t *testing.T) {
	suite := suiteFolder(t)
	remotes := suiteRemotes(t, suite)
	type part struct {
		schema *Schema
		shape  *Shape
		tests  []document.Document
	}
	cases, decided, proved := 0, 0, map[Verdict]int{}
	for _, draft := range []string{"draft7", "draft2019-09", "draft2020-12"} {
		err := filepath.WalkDir(filepath.Join(suite, "tests", draft), func(path string, d fs.DirEntry, err error) error {
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
			var parts []part
			for _, g := range groups {
				if draft == "draft7" {
					g.Schema = inDraft7(g.Schema)
				}
				s, err := compileWith("suite", g.Schema, nil, remotes)
				if err != nil {
					continue
				}
				p := part{schema: s, shape: s.Shape()}
				for _, c := range g.Tests {
					d, err := document.Parse(c.Data, document.Limits{})
					if err != nil {
						continue
					}
					p.tests = append(p.tests, d)
					cases++
					valid := s.Validate(d) == nil
					v, why := Compare(ValueShape(d), p.shape)
					if v != Unknown {
						decided++
					}
					if valid && v == Incompatible || !valid && v == Compatible {
						t.Errorf("%s: %s: %s is %s and said to be %v (%v) with %s", path, g.Description, d, verdict(valid), v, why, g.Schema)
					}
				}
				parts = append(parts, p)
			}
			for _, up := range parts {
				for _, down := range parts {
					v, why := Compare(up.shape, down.shape)
					proved[v]++
					for _, of := range []part{up, down} {
						for _, d := range of.tests {
							if v == Unknown || up.schema.Validate(d) != nil {
								continue
							}
							if fits := down.schema.Validate(d) == nil; fits != (v == Compatible) {
								t.Errorf("%s: %s: %s and %s are said to be %v (%v)", path, d, up.schema.Source(), down.schema.Source(), v, why)
							}
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d documents are decided, pairs: %v", decided, cases, proved)
}
