package sandbox

// The cache on disk. One file for each module holds what is slow to make: its
// native code, as wazero made it, and the little of the rewritten module that is
// needed besides, see hollow. Nothing is rewritten, decoded or validated again.
//
// wazero reads native code with little suspicion, so a file is compared with
// its tag before anything else of it is looked at. Whatever does not fit is as
// good as not there, and made again. That is against damage, not against
// somebody who can write here as the same user; openDiskCache keeps other users
// out.

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// cacheFormat changes whenever the layout of the files does.
const cacheFormat = "chainrun-sandbox-2"

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
	return &diskCache{dir: own}
}

// path is where the entry of a module is; "" without a cache.
func (c *diskCache) path(digest string, tableElements uint32, interpreter bool) string {
	if c == nil {
		return ""
	}
	return filepath.Join(c.dir, cacheKey(digest, tableElements, interpreter))
}

// A cacheEntry is what the cache has of one module.
type cacheEntry struct {
	code   *code         // its Wasm is hollow where there is native code
	native *nativeSource // nil in an interpreter
	file   *contents
}

// close is to be called when the module has been compiled.
func (e *cacheEntry) close() { e.file.close() }

// A file is the magic, a tag over all that follows, the length of the header,
// the header as JSON, the module, and wazero's file at a place of its own.
type entryHeader struct {
	Code        code   // without the bytes
	ModuleBytes uint64 // right after the header
	NativeAt    uint64 // in the file
	NativeBytes uint64 // to the end of the file; 0: none
	NativeKey   []byte // what wazero asks for it by
}

const (
	entryMagic = cacheFormat + "\n"
	tagAt      = len(entryMagic)
	headerAt   = tagAt + tagBytes + 4
	entryMax   = 4 << 30 // bytes
)

// readEntry gives the entry at path, nil where there is none that is whole.
func readEntry(path string, mapped bool) *cacheEntry {
	if path == "" {
		return nil
	}
	file := openContents(path, entryMax, mapped)
	if file == nil {
		return nil
	}
	e, err := parseEntry(filepath.Base(path), file)
	if err != nil {
		file.close()
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // in use, see prune
	return e
}

func parseEntry(key string, file *contents) (_ *cacheEntry, err error) {
	defer file.guard(&err)()
	b := file.bytes
	if len(b) < headerAt || string(b[:tagAt]) != entryMagic {
		return nil, errNoEntry
	}
	tag, err := entryTag(key, b[tagAt+tagBytes:])
	if err != nil || !bytes.Equal(tag, b[tagAt:tagAt+tagBytes]) {
		return nil, errNoEntry
	}
	// From here on everything is as we have written it.
	n := uint64(binary.LittleEndian.Uint32(b[headerAt-4:]))
	var h entryHeader
	if n > uint64(len(b)-headerAt) || json.Unmarshal(b[headerAt:headerAt+int(n)], &h) != nil {
		return nil, errNoEntry
	}
	rest := b[headerAt+int(n):]
	if h.ModuleBytes > uint64(len(rest)) || h.NativeAt > uint64(len(b)) || h.NativeBytes > uint64(len(b))-h.NativeAt {
		return nil, errNoEntry
	}
	h.Code.Wasm = bytes.Clone(rest[:h.ModuleBytes]) // the file goes away before the program does
	e := &cacheEntry{code: &h.Code, file: file}
	if h.NativeBytes > 0 {
		if len(h.NativeKey) != sha256.Size {
			return nil, errNoEntry
		}
		e.native = &nativeSource{key: (*nativeKey)(h.NativeKey), file: file, at: h.NativeAt, end: h.NativeAt + h.NativeBytes}
	}
	return e, nil
}

var errNoEntry = errors.New("not a whole entry")

// writeEntry puts the entry of a module in its place as a whole or not at all.
// native is wazero's file; nil in an interpreter. It keeps quiet: what is not
// written is made again next time.
func (e *Engine) writeEntry(ctx context.Context, path string, c *code, native []byte) {
	replaceFile(path, func(f *os.File) error { return e.fillEntry(ctx, f, filepath.Base(path), c, native) })
}

// replaceFile puts a file in its place as a whole or not at all. What a crash of
// the system leaves of it is found out by its tag.
func replaceFile(path string, fill func(*os.File) error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".entry-*")
	if err != nil {
		return
	}
	if err = errors.Join(fill(f), f.Close()); err == nil {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			_ = os.RemoveAll(path)
		}
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return
	}
	prune(filepath.Dir(path))
}

func (e *Engine) fillEntry(ctx context.Context, f io.Writer, key string, c *code, native []byte) error {
	kept := *c
	h := entryHeader{}
	var executable uint64 // where it begins in native
	if native != nil {
		var err error
		if kept.Wasm, err = hollow(c.Wasm); err != nil {
			return err
		}
		// Loaded once, so that nothing is written that would not load.
		trial := &nativeSource{file: &contents{bytes: native}, end: uint64(len(native))}
		if err := e.try(ctx, &kept, trial); err != nil {
			return err
		}
		h.NativeKey, h.NativeBytes, executable = trial.key[:], uint64(len(native)), trial.largestAt
	}
	h.ModuleBytes = uint64(len(kept.Wasm))
	h.Code = kept
	h.Code.Wasm = nil
	body, err := entryBody(&h, kept.Wasm, native, executable)
	if err != nil {
		return err
	}
	tag, err := entryTag(key, body...)
	if err != nil {
		return err
	}
	for _, part := range append([][]byte{[]byte(entryMagic), tag}, body...) {
		if _, err := f.Write(part); err != nil {
			return fmt.Errorf("writing a cache entry: %w", err)
		}
	}
	return nil
}

// mapAlign is what executables are aligned to in a file, so that they can be
// mapped: the largest page that systems have.
const mapAlign = 64 << 10

// entryBody gives what follows the tag.
func entryBody(h *entryHeader, wasm, native []byte, executable uint64) ([][]byte, error) {
	// The place of the native code is part of the header before it. It is chosen
	// for the longest header that there could be.
	h.NativeAt = 1 << 40
	longest, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("describing a cache entry: %w", err)
	}
	h.NativeAt = uint64(headerAt + len(longest) + len(wasm))
	if native != nil {
		h.NativeAt += -(h.NativeAt + executable) % mapAlign
	}
	return headed(h, wasm, native)
}

// headed is entryBody where the place of the native code is chosen.
func headed(h *entryHeader, wasm, native []byte) ([][]byte, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("describing a cache entry: %w", err)
	}
	parts := [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(header))), header, wasm}
	if before := uint64(headerAt + len(header) + len(wasm)); native != nil && h.NativeAt > before && h.NativeAt-before < 2*mapAlign {
		parts = append(parts, make([]byte, h.NativeAt-before))
	}
	return append(parts, native), nil
}

const tagBytes = 16

// entryTag is a checksum of 128 bits over the content of the file of that name.
// AES-GCM's authentication of data that is not encrypted is one, and five times
// as fast as a digest. The key is no secret: it keeps one module's entry from
// passing for another's.
func entryTag(name string, content ...[]byte) ([]byte, error) {
	key := sha256.Sum256([]byte(entryMagic + name))
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, fmt.Errorf("making a tag: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("making a tag: %w", err)
	}
	all := content[0]
	if len(content) > 1 {
		all = bytes.Join(content, nil)
	}
	return gcm.Seal(nil, make([]byte, gcm.NonceSize()), nil, all), nil //nolint:gosec // a checksum, nothing is encrypted
}
