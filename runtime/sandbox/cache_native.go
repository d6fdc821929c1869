package sandbox

// Between wazero's compiler and our cache. wazero reads and writes native code
// through an interface of its own, for which it lets one choose a folder alone;
// there it would read four times as much as is needed, in thousands of pieces.

import (
	"errors"
	"io"
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero"
)

// A nativeKey is what wazero makes of the module, its own version and what the
// processor can do.
type nativeKey = [32]byte

// nativeFiles is wazero's interface for the files of a cache.
type nativeFiles interface {
	Get(key nativeKey) (content io.ReadCloser, found bool, err error)
	Add(key nativeKey, content io.Reader) error
	Delete(key nativeKey) error
}

// newNativeCache gives a cache that keeps its files where we want them; nil
// where wazero is not as we know it. It has to be closed.
func newNativeCache(files nativeFiles) wazero.CompilationCache {
	cache := wazero.NewCompilationCache()
	v := reflect.ValueOf(cache)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	field := v.Elem().FieldByName("fileCache")
	if !field.IsValid() || field.Kind() != reflect.Interface || !reflect.TypeOf(files).Implements(field.Type()) {
		return nil
	}
	// The types were compared; what is in the way is that the name is wazero's own.
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(files)) //nolint:gosec // see above
	return cache
}

// A nativeRecorder has no native code, and keeps what wazero compiles.
type nativeRecorder struct{ made []byte }

// Get implements nativeFiles.
func (*nativeRecorder) Get(nativeKey) (io.ReadCloser, bool, error) { return nil, false, nil }

// Add implements nativeFiles.
func (r *nativeRecorder) Add(_ nativeKey, content io.Reader) (err error) {
	if sized, ok := content.(interface{ Len() int }); ok {
		r.made = make([]byte, sized.Len())
		_, err = io.ReadFull(content, r.made)
		return err
	}
	r.made, err = io.ReadAll(content)
	return err
}

// Delete implements nativeFiles.
func (*nativeRecorder) Delete(nativeKey) error { return nil }

// A nativeSource has the native code of one module, which wazero knows without
// its bodies. Should wazero not want it, it fails: it must not get to compile the
// bodies that are not there.
type nativeSource struct {
	key     *nativeKey // nil: the first that is asked for
	file    *contents
	at, end uint64 // of wazero's file in ours
	served  bool   // all of it was read

	largest   int    // the most that was read at once: the executable
	largestAt uint64 // where that began, from at
}

var errStale = errors.New("the native code in the cache is not of this module, wazero and processor")

// Get implements nativeFiles.
func (s *nativeSource) Get(key nativeKey) (io.ReadCloser, bool, error) {
	if s.key == nil {
		s.key = &key
	}
	if *s.key != key {
		return nil, false, errStale
	}
	return &nativeReader{source: s, next: s.at}, true, nil
}

// Add implements nativeFiles.
func (*nativeSource) Add(nativeKey, io.Reader) error { return errStale }

// Delete implements nativeFiles.
func (*nativeSource) Delete(nativeKey) error { return errStale }

type nativeReader struct {
	source *nativeSource
	next   uint64
}

// Read implements io.Reader. It gives less than was asked for at the end alone.
func (r *nativeReader) Read(p []byte) (int, error) {
	s := r.source
	if r.next == s.end {
		return 0, io.EOF
	}
	n := min(len(p), int(s.end-r.next))
	if n > s.largest {
		s.largest, s.largestAt = n, r.next-s.at
	}
	if !s.file.mapOver(p[:n], r.next) {
		copy(p, s.file.bytes[r.next:s.end])
	}
	r.next += uint64(n)
	return n, nil
}

// Close implements io.Closer.
func (r *nativeReader) Close() error {
	r.source.served = r.next == r.source.end
	return nil
}
