package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Ordinary sources are far from the bound, whatever is in their texts.
func TestNestingOfOrdinarySources(t *testing.T) {
	files, err := filepath.Glob("../engine/*.js")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	sources := map[string]string{
		"brackets in texts":     `const a = ["` + strings.Repeat("(", 50_000) + `"];`,
		"brackets in comments":  `/*` + strings.Repeat("([{", 50_000) + `*/ //` + strings.Repeat("{", 50_000) + "\n1",
		"brackets in templates": "`" + strings.Repeat("(", 50_000) + "${f({})}" + strings.Repeat("{", 50_000) + "`",
		"templates":             strings.Repeat("`${a}${`${b}`}`;\n", 50_000),
		"long list":             "[" + strings.Repeat("1,", 100_000) + "]",
		"quotes":                strings.Repeat(`'"';"'";'\'';`+"\n", 50_000),
		"one long word":         strings.Repeat("a", 100_000),
		"empty":                 "",
		"cut short":             "`${'\\",
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sources[f] = string(text)
	}
	for name, source := range sources {
		if line, deep := nestedTooDeep([]byte(source)); deep {
			t.Errorf("%s: nested too deep in line %d", name, line)
		}
	}
}

func FuzzNesting(f *testing.F) {
	f.Add("`${a}`")
	f.Add("/* \" */ '\\")
	f.Fuzz(func(t *testing.T, source string) {
		if line, deep := nestedTooDeep([]byte(source)); deep && (line < 1 || line > 1+strings.Count(source, "\n")) {
			t.Errorf("line %d", line)
		}
	})
}
