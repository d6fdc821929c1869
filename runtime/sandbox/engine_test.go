package sandbox

// The engine: compiling, the cache, closing.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCompileOnce(t *testing.T) {
	e := newEngine(t, Config{})
	m := read(t, cReactor(t))
	programs := make([]*Program, 8)
	var group sync.WaitGroup
	for k := range programs {
		group.Go(func() {
			p, err := e.Compile(t.Context(), m)
			if err != nil {
				t.Error(err)
			}
			programs[k] = p
		})
	}
	group.Wait()
	for _, p := range programs {
		if p != programs[0] {
			t.Fatal("compiled more than once")
		}
	}
}

func TestCompileCanceled(t *testing.T) {
	e := newEngine(t, Config{})
	m := read(t, cReactor(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := e.Compile(ctx, m); !errors.Is(err, why) {
		t.Error(err)
	}
	if _, err := e.Compile(t.Context(), m); err != nil {
		t.Errorf("the next one does not get it: %v", err)
	}
	if _, err := New(ctx, Config{}); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	e, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Compile(t.Context(), read(t, hostile(t, "endless_loop")))
	if err != nil {
		t.Fatal(err)
	}
	// A call under way is waited for.
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan StopReason, 1)
	began := make(chan struct{})
	go func() {
		close(began)
		r, err := p.Call(ctx, Call{})
		if errors.Is(err, ErrClosed) { // Close was faster
			ended <- Canceled
			return
		}
		ended <- r.Stop.Reason
	}()
	<-began
	closed := make(chan error, 1)
	go func() { closed <- e.Close(t.Context()) }()
	cancel()
	if got := <-ended; got != Canceled {
		t.Error(got)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := p.Call(t.Context(), Call{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := e.Compile(t.Context(), p.Module()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// cacheFiles lists what is in a cache folder.
func cacheFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCacheOnDisk(t *testing.T) {
	wasm := cReactor(t)
	dir := t.TempDir()
	run := func(c Config) {
		t.Helper()
		if v, _ := call(t, program(t, wasm, c), Call{Input: []byte(`[1,2]`)}); v["sum"] != 3.0 {
			t.Errorf("got %v", v)
		}
	}
	run(Config{CacheDir: dir})
	files := cacheFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	before := stat(t, files[0])
	run(Config{CacheDir: dir})
	if !os.SameFile(before, stat(t, files[0])) {
		t.Error("it was written again")
	}

	// Damage of every sort is found and repaired.
	for _, damage := range []struct {
		name string
		do   func(b []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }},
		{"longer", func(b []byte) []byte { return append(b, 0) }},
		{"first byte", func(b []byte) []byte { b[0] ^= 1; return b }},
		{"header", func(b []byte) []byte { b[60] ^= 1; return b }},
		{"middle", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"last byte", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"other", func([]byte) []byte { return []byte(strings.Repeat("WAZEVO\xff\xff\xff\xff", 100)) }},
	} {
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, damage.do(append([]byte(nil), b...)), 0o600); err != nil {
				t.Fatal(err)
			}
			run(Config{CacheDir: dir})
			repaired, err := os.ReadFile(f)
			if err != nil || len(repaired) < 1000 {
				t.Errorf("%s of %s was not repaired: %v, %d bytes", damage.name, f, err, len(repaired))
			}
		}
	}
	for _, f := range files { // gone
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
		run(Config{CacheDir: dir})
		_ = stat(t, f)
	}
	// A folder, or a link, in a file's place.
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(f, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		run(Config{CacheDir: dir})
		if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// Without a usable folder things work all the same.
func TestCacheIsOptional(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	public := t.TempDir()
	if err := os.MkdirAll(filepath.Join(public, cacheFormat), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(public, cacheFormat), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "no permission": "/proc/nothing", "public": public} {
		p := program(t, hostile(t, "echo"), Config{CacheDir: dir})
		if r, err := p.Call(t.Context(), Call{Input: []byte("1")}); err != nil || string(r.Output) != "1" {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		if p.engine.cache != nil {
			t.Errorf("%s: has a cache", name)
		}
	}
	if files := cacheFiles(t, public); len(files) != 0 {
		t.Errorf("in a folder that others can write to: %v", files)
	}
}

func TestTableCapOfTheCall(t *testing.T) {
	p := program(t, fromWAT(t, `(module (memory (export "memory") 1) (table 1 5000 funcref)
		(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 8))
		(func (export "chainrun_run_v1") (param i32 i32) (result i64)
			(loop (br_if 0 (i32.ne (table.grow 0 (ref.null func) (i32.const 1)) (i32.const -1))))
			(i32.store (i32.const 0) (table.size 0)) (i64.const 4)))`), Config{})
	for limit, want := range map[uint32]string{0: "\x88\x13\x00\x00", 100: "\x64\x00\x00\x00", 1: "\x01\x00\x00\x00", 4999: "\x87\x13\x00\x00"} {
		r, err := p.Call(t.Context(), Call{Limits: Limits{TableElements: limit}})
		if err != nil || string(r.Output) != want {
			t.Errorf("cap %d: %v %q %+v", limit, err, r.Output, r.Stop)
		}
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for n := range keepEntries + 10 {
		path := filepath.Join(dir, fmt.Sprintf("entry%03d", n))
		if err := os.MkdirAll(filepath.Join(path, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
		used := now.Add(-time.Duration(n) * time.Minute)
		if n == 3 {
			used = now.Add(-keepFor - time.Hour)
		}
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	prune(dir)
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != keepEntries || left[3].Name() != "entry004" || left[keepEntries-1].Name() != fmt.Sprintf("entry%03d", keepEntries) {
		t.Errorf("%d entries, from %s to %s", len(left), left[0].Name(), left[len(left)-1].Name())
	}
}

func TestPruneBytes(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for n := range 5 {
		path := filepath.Join(dir, fmt.Sprintf("entry%d", n))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, keepBytes/2-1); err != nil {
			t.Skipf("a large file without content: %v", err)
		}
		used := now.Add(-time.Duration(n) * time.Minute)
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	prune(dir)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[1].Name() != "entry1" {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Legal, and some linkers do it.
func TestImportedTwice(t *testing.T) {
	const yield = `(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))`
	p := program(t, fromWAT(t, `(module `+yield+yield+`(memory (export "memory") 1)
		(func (export "_start") (drop (call 0)) (drop (call 1))))`), Config{})
	if r, err := p.Call(t.Context(), Call{}); err != nil || r.Stop != nil || len(r.Output) != 0 {
		t.Errorf("%v %+v", err, r)
	}
}
