package sandbox

// Images on disk. A module that prepares much at its start, in a time that a
// user would notice, has its state after that in the cache beside its native
// code: it is the same each time. What is read is compared with a tag first, as
// all of the cache is.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// keepImageFuel is the fuel of a start from which on its image is kept: some
	// milliseconds. To write and to read one takes a few.
	keepImageFuel = 5_000_000
	// keepImageBytes is the largest memory that is kept.
	keepImageBytes = 64 << 20
)

// An imageHeader is what an image is besides its memory.
type imageHeader struct {
	Size        int // of the memory, with the zeros at its end
	Globals     []uint64
	Lived       uint64
	MemoryBytes int // what follows
}

// imagePath is where the image for a key is kept; "": nowhere.
func (p *Program) imagePath(key imageKey) string {
	if p.kept == "" || p.extism || !p.poolable {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "image %+v slice %d", key, p.engine.config.Slice))
	return p.kept + "-" + hex.EncodeToString(sum[:8])
}

// load fills an image with what is at path; false: it is as it was.
func (img *image) load(path string, globals int) bool {
	if path == "" {
		return false
	}
	file := openContents(path, 2*keepImageBytes, false)
	if file == nil {
		return false
	}
	defer file.close()
	h, memory, err := parseImage(filepath.Base(path), file)
	if err != nil || len(h.Globals) != globals {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // in use, see prune
	img.keep(memory)
	img.size, img.globals, img.lived, img.made = h.Size, h.Globals, h.Lived, true
	return true
}

func parseImage(name string, file *contents) (h imageHeader, memory []byte, err error) {
	defer file.guard(&err)()
	b := file.bytes
	if len(b) < headerAt || string(b[:tagAt]) != entryMagic {
		return h, nil, errNoEntry
	}
	tag, err := entryTag(name, b[tagAt+tagBytes:])
	if err != nil || !bytes.Equal(tag, b[tagAt:tagAt+tagBytes]) {
		return h, nil, errNoEntry
	}
	n := uint64(binary.LittleEndian.Uint32(b[headerAt-4:]))
	if n > uint64(len(b)-headerAt) || json.Unmarshal(b[headerAt:headerAt+int(n)], &h) != nil {
		return h, nil, errNoEntry
	}
	memory = b[headerAt+int(n):]
	if h.MemoryBytes != len(memory) || h.Size < len(memory) || h.Size%pageBytes != 0 || len(memory)%pageBytes != 0 {
		return h, nil, errNoEntry
	}
	return h, memory, nil
}

// save writes the image to path. It keeps quiet: what is not written is made
// again.
func (img *image) save(path string) {
	if path == "" || len(img.memory) > keepImageBytes {
		return
	}
	header, err := json.Marshal(imageHeader{Size: img.size, Globals: img.globals, Lived: img.lived, MemoryBytes: len(img.memory)})
	if err != nil {
		return
	}
	body := [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(header))), header, img.memory}
	tag, err := entryTag(filepath.Base(path), body...)
	if err != nil {
		return
	}
	replaceFile(path, func(f *os.File) error {
		for _, part := range append([][]byte{[]byte(entryMagic), tag}, body...) {
			if _, err := f.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
}
