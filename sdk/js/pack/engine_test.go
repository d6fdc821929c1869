package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// The engine is the one that engine.txt tells of.
func TestEngineDigest(t *testing.T) {
	text, err := os.ReadFile("engine.txt")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(Engine())
	if first, _, _ := strings.Cut(string(text), "\n"); first != "sha256 "+hex.EncodeToString(sum[:]) {
		t.Errorf("engine.wasm has the digest %x, engine.txt says %q: both come from sdk/js/engine/build", sum, first)
	}
	m, err := module.Read(Engine())
	if err != nil {
		t.Fatal(err)
	}
	if abi, err := m.ABI(); err != nil || abi != module.ABIReactor {
		t.Errorf("%v, %v", abi, err)
	}
}

// With the toolchain that engine.txt names, the sources give the same bytes. It
// takes most of a minute and crates.io, so it wants to be asked for.
func TestEngineRebuild(t *testing.T) {
	if os.Getenv("CHAINRUN_REBUILD") == "" {
		t.Skip("CHAINRUN_REBUILD is not set: the engine is not built anew")
	}
	recorded, err := os.ReadFile("engine.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, recorded, _ = bytes.Cut(recorded, []byte("\n"))
	build := filepath.Join("..", "engine", "build")
	here, err := exec.CommandContext(t.Context(), build, "--toolchain").Output()
	if err != nil {
		t.Skipf("the toolchain is not installed: %v: apt-get install cargo clang lld wasi-libc libclang-rt-14-dev-wasm32", err)
	}
	if !bytes.Equal(here, recorded) {
		t.Skipf("another toolchain than the recorded one would give other bytes:\n%s\nrecorded:\n%s", here, recorded)
	}
	out := filepath.Join(t.TempDir(), "engine.wasm")
	if text, err := exec.CommandContext(t.Context(), build, out).CombinedOutput(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 2 {
			t.Skipf("the sources cannot be fetched: %s", text)
		}
		t.Fatalf("%v\n%s", err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(wasm, Engine()) {
		t.Error("the sources give other bytes than engine.wasm: run sdk/js/engine/build and commit what it writes")
	}
}

// The engine by itself takes whatever it is given.
func TestEngineInput(t *testing.T) {
	m, err := module.Read(Engine())
	if err != nil {
		t.Fatal(err)
	}
	e, err := sandbox.New(t.Context(), sandbox.Config{CacheDir: cacheDir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close(t.Context()) }()
	p, err := e.Compile(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{"", "abc", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x01\x00\x00\x00a\xff\xff\xff\x7f", "\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00abc"} {
		r, err := p.Call(t.Context(), sandbox.Call{Input: []byte(input)})
		if err != nil || r.Stop == nil || r.Stop.Reason != sandbox.NodeError || r.Stop.Message != "the script is cut short" {
			t.Errorf("%q: %v %+v %q", input, err, r.Stop, r.Output)
		}
	}
}
