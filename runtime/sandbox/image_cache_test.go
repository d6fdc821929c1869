package sandbox

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// prepares has a start that costs more than keepImageFuel and leaves something in
// memory, which it has grown, and in a global. It answers with both.
const prepares = `(module (memory (export "memory") 1)
	(global $kept (mut i32) (i32.const 0))
	(data (i32.const 64) "data")
	(func (export "_initialize") (local $n i32)
		(loop $again
			(local.set $n (i32.add (local.get $n) (i32.const 1)))
			(br_if $again (i32.lt_u (local.get $n) (i32.const 1000000))))
		(drop (memory.grow (i32.const 2)))
		(i32.store8 (i32.const 100000) (i32.const 65))
		(global.set $kept (i32.const 66)))
	(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
	(func (export "chainrun_run_v1") (param i32 i32) (result i64)
		(i32.store8 (i32.const 0) (i32.load8_u (i32.const 100000)))
		(i32.store8 (i32.const 1) (global.get $kept))
		(i32.store8 (i32.const 2) (i32.load8_u (i32.const 64)))
		(i32.store8 (i32.const 100000) (i32.const 0))
		(global.set $kept (i32.const 0))
		(i64.const 3)))`

// imagesIn are the images in a cache.
func imagesIn(t *testing.T, dir string) (paths []string) {
	t.Helper()
	for _, f := range cacheFiles(t, dir) {
		if strings.Contains(filepath.Base(f), "-") {
			paths = append(paths, f)
		}
	}
	return paths
}

// answers calls the module three times in an engine of its own.
func answers(t *testing.T, wasm []byte, c Config) (all []string, fuel uint64) {
	t.Helper()
	p := program(t, wasm, c)
	for range 3 {
		r, err := p.Call(t.Context(), Call{Input: []byte("1")})
		if err != nil || r.Stop != nil {
			t.Fatalf("%v %+v", err, r.Stop)
		}
		all, fuel = append(all, string(r.Output)), r.Fuel
	}
	return all, fuel
}

func TestImageIsKept(t *testing.T) {
	wasm := fromWAT(t, prepares)
	want := []string{"ABd", "ABd", "ABd"}
	for _, images := range ImageStrategies() {
		t.Run(string(images), func(t *testing.T) {
			dir := t.TempDir()
			c := Config{CacheDir: dir, Images: images}
			cold, fuel := answers(t, wasm, c)
			if !slices.Equal(cold, want) {
				t.Errorf("cold: %q", cold)
			}
			paths := imagesIn(t, dir)
			if len(paths) != 1 {
				t.Fatalf("images: %q of %q", paths, cacheFiles(t, dir))
			}
			before := stat(t, paths[0])
			if warm, again := answers(t, wasm, c); !slices.Equal(warm, want) || again != fuel {
				t.Errorf("warm: %q, fuel %d and %d", warm, again, fuel)
			}
			if !os.SameFile(before, stat(t, paths[0])) {
				t.Error("it was written again")
			}
			// Another cap, another image.
			p := program(t, wasm, c)
			if r, err := p.Call(t.Context(), Call{Input: []byte("1"), Limits: Limits{MemoryBytes: 1 << 20}}); err != nil || string(r.Output) != "ABd" {
				t.Errorf("%v %+v", err, r)
			}
			if n := len(imagesIn(t, dir)); n != 2 {
				t.Errorf("%d images", n)
			}
		})
	}
}

// What was kept is what attempts start from; what was damaged is made again.
func TestImageDamaged(t *testing.T) {
	wasm := fromWAT(t, prepares)
	dir := t.TempDir()
	c := Config{CacheDir: dir}
	want, _ := answers(t, wasm, c)
	path := imagesIn(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"cut":       func(b []byte) []byte { return b[:len(b)-1] },
		"longer":    func(b []byte) []byte { return append(b, 0) },
		"the tag":   func(b []byte) []byte { b[tagAt] ^= 1; return b },
		"in memory": func(b []byte) []byte { b[len(b)-pageBytes] ^= 1; return b },
		"another":   func([]byte) []byte { return bytes.Repeat([]byte(entryMagic), 100) },
	} {
		if err := os.WriteFile(path, damage(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _ := answers(t, wasm, c); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, whole) {
			t.Errorf("%s: it was not made again: %v", name, err)
		}
	}
	// With a tag that fits it is believed: so it was read at all.
	changed := bytes.Replace(whole, []byte(`"Globals":[66]`), []byte(`"Globals":[67]`), 1)
	if bytes.Equal(changed, whole) {
		t.Fatal("the header is not as expected")
	}
	tag, err := entryTag(filepath.Base(path), changed[tagAt+tagBytes:])
	if err != nil {
		t.Fatal(err)
	}
	copy(changed[tagAt:], tag)
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := answers(t, wasm, c); got[0] != "ACd" {
		t.Errorf("it was not read: %q", got)
	}
}

// A module that starts at once has no image on disk.
func TestImageIsNotKept(t *testing.T) {
	dir := t.TempDir()
	p := program(t, hostile(t, "echo"), Config{CacheDir: dir})
	if r, err := p.Call(t.Context(), Call{Input: []byte("1")}); err != nil || r.Stop != nil {
		t.Fatalf("%v %+v", err, r)
	}
	if paths := imagesIn(t, dir); len(paths) != 0 {
		t.Errorf("images: %q", paths)
	}
}
