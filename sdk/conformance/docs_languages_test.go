// docs/nodes-LANG.md are followed to the letter: the node that they show is built,
// tested and called.

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/sandbox"
	"github.com/chainrun/chainrun/sdk/toolchain"
)

// blocks gives the fenced blocks of a page of docs/ in that language.
func blocks(t *testing.T, page, lang string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, rest := range strings.Split(string(text), "\n```"+lang+"\n")[1:] {
		block, _, ok := strings.Cut(rest, "\n```\n")
		if !ok {
			t.Fatalf("docs/%s: a block of %s does not end", page, lang)
		}
		found = append(found, block+"\n")
	}
	if len(found) == 0 {
		t.Fatalf("docs/%s has no block of %s", page, lang)
	}
	return found
}

// followed starts a project as the page says, and puts its node there.
func followed(t *testing.T, page, lang, file string) (dir string) {
	t.Helper()
	if commands := blocks(t, page, "sh"); !strings.Contains(commands[0], "chainrun node new --lang "+lang+" discount\n") {
		t.Errorf("docs/%s begins by %q", page, commands[0])
	}
	dir = filepath.Join(t.TempDir(), "discount")
	if err := toolchain.New(lang, dir, "discount"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(blocks(t, page, lang)[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// discounts holds a module against what the pages say of it.
func discounts(t *testing.T, page string, wasm []byte) {
	t.Helper()
	n := &node{load(t, wasm)}
	c := sandbox.Call{Input: []byte(`{"customer": "Ada", "cents": 1000}`), Config: []byte(`{"percent": 10}`)}
	n.gives(t, c, blocks(t, page, "json")[0])
	c.Input = []byte(`{"customer": "Ada", "cents": -1}`)
	if stop := n.fails(t, c); stop.Code != "negative_order" || stop.Message != "order of Ada: -1 cents" {
		t.Errorf("a negative order: %+v", stop)
	}
	if m := manifest(t, n.program); m.Name != "discount" || len(m.Input) == 0 || len(m.Config) == 0 {
		t.Errorf("the manifest is %+v", m)
	}
}

// shell runs one of a page's commands in dir; its first word must be there.
func shell(t *testing.T, dir, command string) {
	t.Helper()
	words := strings.Fields(command)
	c := exec.Command(words[0], words[1:]...)
	c.Dir = dir
	if said, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, said)
	}
}

func TestTheFirstNodeInC(t *testing.T) {
	const page = "nodes-c.md"
	dir := followed(t, page, "c", "node.c")
	discounts(t, page, buildFolder(t, "c", dir))

	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("the commands by hand need clang")
	}
	hand := 0
	for _, command := range blocks(t, page, "sh") {
		if !strings.HasPrefix(command, "clang ") {
			continue
		}
		if _, err := os.Stat("/usr/lib/wasm32-wasi/libc.a"); err != nil && strings.Contains(command, "wasi") {
			t.Log("not run without Debian's wasi-libc:", command)
			continue
		}
		shell(t, dir, command)
		wasm, err := os.ReadFile(filepath.Join(dir, "discount.wasm"))
		if err != nil {
			t.Fatal(err)
		}
		discounts(t, page, wasm)
		hand++
	}
	if hand == 0 {
		t.Error("no command by hand was run")
	}
}

func TestTheFirstNodeInZig(t *testing.T) {
	const page = "nodes-zig.md"
	dir := followed(t, page, "zig", "node.zig")
	discounts(t, page, buildFolder(t, "zig", dir))

	withLocalTools(t)
	if _, err := exec.LookPath("zig"); err != nil {
		t.Skip("the commands by hand need zig on the path")
	}
	hand := 0
	for _, command := range blocks(t, page, "sh") {
		if !strings.HasPrefix(command, "zig ") {
			continue
		}
		shell(t, dir, command)
		hand++
	}
	if hand != 2 {
		t.Errorf("%d commands by hand were run, want the test and the build", hand)
	}
	wasm, err := os.ReadFile(filepath.Join(dir, "discount.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	discounts(t, page, wasm)
}
