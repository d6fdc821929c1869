package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/chainrun/chainrun/runtime/module"
)

// needsCompiler skips a test where there is no native code to be cached.
func needsCompiler(t *testing.T) {
	t.Helper()
	if !compiles() {
		t.Skip("wazero has no compiler here")
	}
}

// wazero is as we know it: its files go through us, and executables are mapped where
// Linux is. A new version of wazero needs somebody to look at both.
func TestNativeCacheIsKnown(t *testing.T) {
	cache := newNativeCache(&nativeRecorder{})
	if cache == nil {
		t.Fatal("wazero's cache has changed: nothing would be kept")
	}
	if err := cache.Close(t.Context()); err != nil {
		t.Error(err)
	}
	required, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(required, []byte("\n\t"+wazeroModule+" "+wazeroKnown+"\n")) {
		t.Errorf("this is not wazero %s: see whether its deserializeCompiledModule still reads into a mapping of its own", wazeroKnown)
	}
}

func init() { knowsWazero = func() bool { return true } } // see TestNativeCacheIsKnown

// loads gives the entry of the one module in dir; nil where it does not load.
func loads(t *testing.T, path string, mapped bool) (e *cacheEntry, p *Program) {
	t.Helper()
	e = readEntry(path, mapped)
	if e == nil {
		return nil, nil
	}
	defer e.close()
	engine, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(t.Context()) })
	m, err := module.Read(cReactor(t))
	if err != nil {
		t.Fatal(err)
	}
	abi, err := m.ABI()
	if err != nil {
		t.Fatal(err)
	}
	p, err = engine.loadEntry(t.Context(), m, abi, e, DefaultTableElements)
	if err != nil {
		t.Logf("loading: %v", err)
		return e, nil
	}
	t.Cleanup(func() { _ = p.close(t.Context()) })
	return e, p
}

// cached compiles the reactor into a new cache and gives the path of its entry.
func cached(t *testing.T) (dir, path string) {
	t.Helper()
	needsCompiler(t)
	dir = t.TempDir()
	sums(t, dir)
	files := cacheFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	return dir, files[0]
}

// sums runs the reactor from a cache, in an engine of its own.
func sums(t *testing.T, dir string) {
	t.Helper()
	if v, _ := call(t, program(t, cReactor(t), Config{CacheDir: dir}), Call{Input: []byte(`[1,2]`)}); v["sum"] != 3.0 {
		t.Errorf("got %v", v)
	}
}

// A warm start neither rewrites nor compiles; what it runs was mapped or copied.
func TestCacheLoads(t *testing.T) {
	_, path := cached(t)
	for _, mapped := range []bool{true, false} {
		e, p := loads(t, path, mapped)
		if p == nil {
			t.Fatal("it does not load")
		}
		if !e.native.served {
			t.Error("wazero did not read the native code")
		}
		if len(e.code.Wasm) != 0 {
			t.Error("it still holds the module")
		}
		// All of it is gone from memory but what runs.
		if v, _ := call(t, p, Call{Input: []byte(`[1,2]`)}); v["sum"] != 3.0 {
			t.Errorf("got %v", v)
		}
	}
}

// An entry for another processor or wazero is not used, and a module without its
// code is never run.
func TestCacheStale(t *testing.T) {
	dir, path := cached(t)
	forged(t, path, func(h *entryHeader, _, _ []byte) { h.NativeKey[0] ^= 1 })
	if e, p := loads(t, path, true); e == nil || p != nil {
		t.Fatal("native code with another key was loaded")
	}
	before := stat(t, path)
	sums(t, dir)
	if os.SameFile(before, stat(t, path)) {
		t.Error("it was not made again")
	}
	if _, p := loads(t, path, true); p == nil {
		t.Error("what was made again does not load")
	}
}

// Entries whose tag is right, but which hold something else, are not run: not
// all that wazero reads is as it was.
func TestCacheForged(t *testing.T) {
	for name, change := range map[string]func(h *entryHeader, wasm, native []byte){
		"no key":          func(h *entryHeader, _, _ []byte) { h.NativeKey = nil },
		"outside":         func(h *entryHeader, _, _ []byte) { h.NativeBytes = 1 << 60 },
		"far":             func(h *entryHeader, _, _ []byte) { h.NativeAt = 1<<64 - 1 },
		"large module":    func(h *entryHeader, _, _ []byte) { h.ModuleBytes = 1 << 63 },
		"cut":             func(h *entryHeader, _, _ []byte) { h.NativeBytes /= 2 },
		"short":           func(h *entryHeader, _, _ []byte) { h.NativeBytes = 3 },
		"magic":           func(_ *entryHeader, _, native []byte) { native[0] ^= 1 },
		"version":         func(_ *entryHeader, _, native []byte) { native[8] ^= 1 },
		"executable":      func(_ *entryHeader, _, native []byte) { native[len(native)/2] ^= 1 },
		"no module":       func(_ *entryHeader, wasm, _ []byte) { clear(wasm) },
		"another version": func(_ *entryHeader, _, native []byte) { native[6] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := cached(t)
			forged(t, path, change)
			for _, mapped := range []bool{true, false} {
				if _, p := loads(t, path, mapped); p != nil {
					t.Error("it was loaded")
				}
			}
			sums(t, dir)
			if _, p := loads(t, path, true); p == nil {
				t.Error("it was not made again")
			}
		})
	}
}

// forged writes an entry again, changed, with a tag that fits.
func forged(t *testing.T, path string, change func(h *entryHeader, wasm, native []byte)) {
	t.Helper()
	e := readEntry(path, false)
	if e == nil {
		t.Fatal("there is no entry")
	}
	key := *e.native.key
	wasm, native := bytes.Clone(e.code.Wasm), bytes.Clone(e.file.bytes[e.native.at:e.native.end])
	h := entryHeader{Code: *e.code, ModuleBytes: uint64(len(wasm)), NativeBytes: uint64(len(native)), NativeKey: key[:]}
	h.Code.Wasm = nil
	e.close()
	change(&h, wasm, native)
	at := h.NativeAt
	body, err := entryBody(&h, wasm, native, 0)
	if err != nil {
		t.Fatal(err)
	}
	if at != 0 { // entryBody has put it where it belongs
		h.NativeAt = at
		if body, err = headed(&h, wasm, native); err != nil {
			t.Fatal(err)
		}
	}
	tag, err := entryTag(filepath.Base(path), body...)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat([]byte(entryMagic), tag, bytes.Join(body, nil))
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// One module's entry does not pass for another's.
func TestCacheOfAnother(t *testing.T) {
	dir, path := cached(t)
	other := program(t, hostile(t, "echo"), Config{CacheDir: dir})
	for _, f := range cacheFiles(t, dir) {
		if f == path {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if e := readEntry(f, true); e != nil {
			e.close()
			t.Error("another module's entry is taken")
		}
	}
	_ = other
	p := program(t, hostile(t, "echo"), Config{CacheDir: dir})
	if r, err := p.Call(t.Context(), Call{Input: []byte("1")}); err != nil || string(r.Output) != "1" {
		t.Errorf("%v %+v", err, r)
	}
}

// Engines that make and read one entry at once each get a whole one.
func TestCacheShared(t *testing.T) {
	needsCompiler(t)
	dir := t.TempDir()
	wasm := cReactor(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if err := once(t.Context(), wasm, dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if files := cacheFiles(t, dir); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
}

// once runs the reactor in an engine of its own, in any goroutine.
func once(ctx context.Context, wasm []byte, dir string) error {
	e, err := New(ctx, Config{CacheDir: dir})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close(ctx) }()
	m, err := module.Read(wasm)
	if err != nil {
		return err
	}
	p, err := e.Compile(ctx, m)
	if err != nil {
		return err
	}
	r, err := p.Call(ctx, Call{Input: []byte(`[1,2]`)})
	if err == nil && (r.Stop != nil || !bytes.Contains(r.Output, []byte("3"))) {
		err = fmt.Errorf("it gives %q, %v", r.Output, r.Stop)
	}
	return err
}

const envShared = "CHAINRUN_TEST_CACHE"

// TestCacheOfTwoProcesses has two processes fill one cache at once.
func TestCacheOfTwoProcesses(t *testing.T) {
	if dir := os.Getenv(envShared); dir != "" {
		sums(t, dir)
		return
	}
	needsCompiler(t)
	_ = cReactor(t) // skips where it cannot be built
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			c := exec.CommandContext(t.Context(), self, "-test.run=^TestCacheOfTwoProcesses$")
			c.Env = append(os.Environ(), envShared+"="+dir)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	all.Wait()
	before := cacheFiles(t, dir)
	if len(before) != 1 {
		t.Fatalf("files: %v", before)
	}
	if _, p := loads(t, before[0], true); p == nil {
		t.Error("what they left does not load")
	}
}

// What is no regular file is not opened.
func TestCacheNoFile(t *testing.T) {
	dir, path := cached(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(path, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Skip("no links here")
	}
	if readEntry(path, true) != nil {
		t.Error("a link is followed")
	}
	sums(t, dir)
	if stat(t, path).Mode()&fs.ModeSymlink != 0 {
		t.Error("the link is still there")
	}
}

// What another user can change, or has made, is not read: it would be executed.
func TestCacheOfAnotherUser(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mode bits do not tell here")
	}
	dir, path := cached(t)
	// The folder was looked at before: it is replaced while an engine is open.
	for _, mode := range []fs.FileMode{0o620, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if e := readEntry(path, true); e != nil {
			e.close()
			t.Errorf("a file of mode %v is read", mode)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, os.Geteuid()+1, -1); err == nil { // as root
		if e := readEntry(path, true); e != nil {
			e.close()
			t.Error("another user's file is read")
		}
	}
	sums(t, dir) // made again
	e := readEntry(path, true)
	if e == nil {
		t.Fatal("it was not made again")
	}
	e.close()
}

// A module without its code has all else, and wazero takes it.
func TestHollow(t *testing.T) {
	for name, wasm := range map[string][]byte{"c": cReactor(t), "echo": hostile(t, "echo")} {
		small, err := hollow(wasm)
		if err != nil {
			t.Fatal(name, err)
		}
		full, err := module.Read(wasm)
		if err != nil {
			t.Fatal(err)
		}
		m, err := module.Read(small)
		if err != nil {
			t.Fatal(name, err)
		}
		if len(m.Code) != len(full.Code) || !slices.Equal(m.Functions, full.Functions) || !slices.Equal(m.Exports, full.Exports) ||
			len(m.Globals) != len(full.Globals) || len(m.Data) != len(full.Data) {
			t.Errorf("%s: it is another module", name)
		}
		r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
		if _, err := r.CompileModule(t.Context(), small); err != nil {
			t.Error(name, err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := hollow([]byte("no module")); err == nil {
		t.Error("what is no module has no code")
	}
}

// A source must not let wazero compile what it has in place of the code.
func TestNativeSourceRefuses(t *testing.T) {
	key := nativeKey{1}
	s := &nativeSource{key: &key, file: &contents{bytes: []byte("abc")}, end: 3}
	if _, _, err := s.Get(nativeKey{2}); !errors.Is(err, errStale) {
		t.Errorf("another key: %v", err)
	}
	if err := s.Add(key, bytes.NewReader(nil)); !errors.Is(err, errStale) {
		t.Errorf("add: %v", err)
	}
	if err := s.Delete(key); !errors.Is(err, errStale) {
		t.Errorf("delete: %v", err)
	}
	r, found, err := s.Get(key)
	if err != nil || !found {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "abc" {
		t.Errorf("%q %v", b, err)
	}
	if err := r.Close(); err != nil || !s.served {
		t.Errorf("%v, served: %t", err, s.served)
	}
}
