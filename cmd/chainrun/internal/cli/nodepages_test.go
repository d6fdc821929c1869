package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The pages about a first node in a language are followed as a reader would: every
// `chainrun` command, in order, with the page's source and cases in the project's
// files, and the output that the page shows.
func TestFirstNodes(t *testing.T) {
	zig, err := filepath.Abs("../../../../bin/python/ziglang") // where `make tools` puts it
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+zig)
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	for lang, source := range map[string]string{"c": "node.c", "zig": "node.zig"} {
		t.Run(lang, func(t *testing.T) {
			page, err := os.ReadFile("../../../../docs/nodes-" + lang + ".md")
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{source: blocks(string(page), lang)[0], "cases.toml": blocks(string(page), "toml")[0]}
			want := strings.TrimSpace(blocks(string(page), "json")[0])
			t.Chdir(t.TempDir())

			ran := map[string]bool{}
			for _, block := range blocks(string(page), "sh") {
				for line := range strings.Lines(block) {
					line = strings.TrimSpace(line)
					if !strings.HasPrefix(line, "chainrun node ") {
						continue
					}
					words, err := shellWords(line)
					if err != nil {
						t.Fatal(err)
					}
					if words[2] == "build" {
						for name, text := range files {
							if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
								t.Fatal(err)
							}
						}
					}
					var out, log bytes.Buffer
					code := Main(Streams{In: strings.NewReader(""), Out: &out, Err: &log}, "v0.0.0-test", words[1:])
					if strings.Contains(log.String(), "which is not here") {
						t.Skip(log.String())
					}
					if code != exitDone {
						t.Fatalf("%s: exit code %d\n%s%s", line, code, &out, &log)
					}
					ran[words[2]] = true
					switch words[2] {
					case "new":
						t.Chdir("discount")
					case "run":
						if got := strings.TrimSpace(out.String()); got != want {
							t.Errorf("%s gives %s, the page says %s", line, got, want)
						}
					}
				}
			}
			if !ran["new"] || !ran["build"] || !ran["run"] {
				t.Errorf("the page's commands were %v", ran)
			}
			var out, log bytes.Buffer
			if code := Main(Streams{In: strings.NewReader(""), Out: &out, Err: &log}, "v0.0.0-test", []string{"node", "test"}); code != exitDone || !strings.Contains(out.String(), "2 passed, 0 failed") {
				t.Errorf("the page's cases: exit code %d\n%s%s", code, &out, &log)
			}
		})
	}
}
