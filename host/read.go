package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// readGraph reads the graph's own file. The operator named it, so that a pipe is
// as good as a file.
func readGraph(f fs.File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, unreadable(info, "it is a folder; expected a graph file")
	}
	return readAtMost(f, info, MaxGraphBytes)
}

// readOS and readFS read what a graph names. A graph may come from a stranger:
// only regular files are opened, because a pipe would block and a device has no
// end.
func readOS(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	return readRegular(info, limit, func() (fs.File, error) { return os.Open(name) })
}

func readFS(fsys fs.FS, name string, limit int64) ([]byte, error) {
	name = path.Clean(name)
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	return readRegular(info, limit, func() (fs.File, error) { return fsys.Open(name) })
}

func readRegular(info fs.FileInfo, limit int64, open func() (fs.File, error)) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, unreadable(info, "it is no regular file")
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readAtMost(f, info, limit)
}

func unreadable(info fs.FileInfo, why string) error {
	return &fs.PathError{Op: "read", Path: info.Name(), Err: errors.New(why)}
}

// readAtMost reads f to its end. Its size is a hint, the limit is the law: the
// file may have grown since.
func readAtMost(f fs.File, info fs.FileInfo, limit int64) ([]byte, error) {
	if info.Size() > limit {
		return nil, unreadable(info, fmt.Sprintf("it has %d bytes; at most %d are read", info.Size(), limit))
	}
	b := make([]byte, 0, max(info.Size(), 512)+1)
	for {
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > limit {
			return nil, unreadable(info, fmt.Sprintf("it has more than %d bytes, which is the most that is read", limit))
		}
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}
