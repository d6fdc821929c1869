package cli

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// slow is what a machine says that is.
var slow = regexp.MustCompile("(?m)^compiling the modules;.*\n")

// docs/debugging.md does what it shows: its files are written into a folder, its node is
// built there, and its commands say what stands below them, where … is anything.
func TestDebuggingGuide(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/debugging.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHAINRUN_CACHE", t.TempDir())
	files := map[string][]byte{"ask.wasm": moduletest.Ask("fetch", "request", 1)}
	for _, m := range regexp.MustCompile("(?ms)^```(?:go|toml) ([a-z.]+)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		files[m[1]] = []byte(m[2])
	}
	laid(t, files)
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", "score.wasm", "score.go")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the node: %v\n%s", err, out)
	}
	ran := 0
	for _, block := range blocks(string(text), "shell") {
		for _, c := range consoleCommands(block) {
			words, err := shellWords(c.line)
			if err != nil || words[0] != "chainrun" {
				t.Fatalf("%q: only chainrun can be run here (%v)", c.line, err)
			}
			ran++
			var out, errs bytes.Buffer
			Main(Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "", words[1:])
			want := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(c.want), "…", ".*?") + "$"
			got := out.String() + slow.ReplaceAllString(errs.String(), "")
			if !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%s\nprints\n%s\nthe documentation says\n%s", c.line, got, c.want)
			}
		}
	}
	if ran < 6 {
		t.Errorf("%d commands were run", ran)
	}
	if got := typing(t, "node", "test", "ask.wasm"); got.code != exitDone {
		t.Errorf("the cases with answers: exit %d\n%s%s", got.code, got.out, got.errs)
	}
}
