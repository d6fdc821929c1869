package sandbox

// The cache on disk. One folder for each module holds what is slow to make:
// the rewritten module, written by us, and its native code, written by wazero.
//
// wazero reads its files with little suspicion, so each is compared with the
// digest that we wrote down before wazero gets to see it. Whatever does not
// fit is removed and made again. That is against damage, not against somebody
// who can write here as the same user; openDiskCache keeps other users out.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

// cacheFormat changes whenever the layout of the folders and files does.
const cacheFormat = "chainrun-sandbox-1"

// A diskCache is the folder of all entries; nil is none.
type diskCache struct{ dir string }

// openDiskCache gives the cache in dir, nil when there is none or it cannot be
// used: a cache is a convenience, never a reason to fail.
func openDiskCache(dir string) *diskCache {
	if dir == "" {
		return nil
	}
	own := filepath.Join(dir, cacheFormat)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return nil
	}
	info, err := os.Lstat(own)
	if err != nil || !info.IsDir() || !private(info) {
		return nil
	}
	probe, err := os.CreateTemp(own, ".probe-*")
	if err != nil {
		return nil
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return &diskCache{dir: own}
}

// A cacheEntry is what the cache has, or will have, of one module.
type cacheEntry struct {
	dir    string // "": not on disk
	code   *code
	native wazero.CompilationCache // nil in an interpreter without disk
	known  map[string]string       // native files: path below dir → digest
}

// open finds the entry of a module, empty where there is none. An entry that
// is damaged is as good as none.
func (c *diskCache) open(digest string, tableElements uint32, interpreter bool) *cacheEntry {
	e := &cacheEntry{}
	if c == nil {
		return e
	}
	dir := filepath.Join(c.dir, cacheKey(digest, tableElements, interpreter))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return e
	}
	e.dir = dir
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // in use, see prune
	e.read()
	if interpreter {
		return e
	}
	if err := e.removeUnknown(); err != nil {
		// What cannot be vetted is not shown to wazero.
		return &cacheEntry{}
	}
	native, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return e
	}
	e.native = native
	return e
}

// entryFile holds the magic, a digest of what follows, the length of the
// header, the header as JSON, and the rewritten module.
const entryFile = "entry"

type entryHeader struct {
	Code   code              // without the bytes
	Native map[string]string // path below the entry's folder → digest
}

const entryMagic = cacheFormat + "\n"

func (e *cacheEntry) read() {
	b, err := os.ReadFile(filepath.Join(e.dir, entryFile))
	if err != nil {
		return
	}
	rest, ok := bytes.CutPrefix(b, []byte(entryMagic))
	if !ok || len(rest) < sha256.Size+4 {
		return
	}
	sum := sha256.Sum256(rest[sha256.Size:])
	if !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return
	}
	rest = rest[sha256.Size:]
	n := uint64(binary.LittleEndian.Uint32(rest))
	if rest = rest[4:]; n > uint64(len(rest)) {
		return
	}
	var h entryHeader
	if err := json.Unmarshal(rest[:n], &h); err != nil {
		return
	}
	h.Code.Wasm = rest[n:]
	e.code, e.known = &h.Code, h.Native
}

// save writes the entry down, unless it is there with all that was made. It
// keeps quiet: what is not written is made again next time.
func (e *cacheEntry) save(c *code) {
	if e.dir == "" {
		return
	}
	native := map[string]string{}
	fresh := e.code == nil
	if err := e.walkNative(func(name string) (err error) {
		if strings.HasSuffix(name, ".tmp") {
			return nil
		}
		sum, found := e.known[name] // and compared, see removeUnknown
		if !found {
			fresh = true
			sum, err = fileDigest(filepath.Join(e.dir, name))
		}
		native[name] = sum
		return err
	}); err != nil || !fresh {
		return
	}
	h := entryHeader{Code: *c, Native: native}
	h.Code.Wasm = nil
	header, err := json.Marshal(h)
	if err != nil {
		return
	}
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(header)))
	body = append(append(body, header...), c.Wasm...)
	sum := sha256.Sum256(body)
	writeAtomically(filepath.Join(e.dir, entryFile), []byte(entryMagic), sum[:], body)
	prune(filepath.Dir(e.dir))
}

// removeUnknown removes native code that is not as we have written it down.
func (e *cacheEntry) removeUnknown() error {
	written := e.known
	e.known = map[string]string{}
	return e.walkNative(func(name string) error {
		path := filepath.Join(e.dir, name)
		if strings.HasSuffix(name, ".tmp") {
			// Perhaps another process is writing it. wazero does not read it.
			if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > time.Hour {
				_ = os.RemoveAll(path)
			}
			return nil
		}
		if want, found := written[name]; found {
			if sum, err := fileDigest(path); err == nil && sum == want {
				e.known[name] = sum
				return nil
			}
		}
		return os.RemoveAll(path)
	})
}

// walkNative visits what wazero has put below the entry's folder.
func (e *cacheEntry) walkNative(visit func(name string) error) error {
	folders, err := os.ReadDir(e.dir)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if folder.Type()&fs.ModeSymlink != 0 {
			// wazero would follow it to files that were never compared.
			if err := os.Remove(filepath.Join(e.dir, folder.Name())); err != nil {
				return err
			}
		}
		if !folder.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(e.dir, folder.Name()))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := visit(filepath.Join(folder.Name(), f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func fileDigest(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &fs.PathError{Op: "digest", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	// In pieces that stay in the processor's cache: the file is large.
	h, piece := sha256.New(), make([]byte, 128<<10)
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, piece); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeAtomically puts a file in its place as a whole or not at all.
func writeAtomically(path string, parts ...[]byte) {
	f, err := os.CreateTemp(filepath.Dir(path), ".entry-*")
	if err != nil {
		return
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			_ = f.Close()
			return
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return
	}
	_ = os.Rename(f.Name(), path)
}
