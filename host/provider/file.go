package provider

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/chainrun/chainrun/host/capability"
)

// maxProgram bounds a provider's file.
const maxProgram = 1 << 30

// file is what is executed for a provider.
type file struct {
	path string
	copy string // a folder with a copy of it; empty: path is executed itself
}

// openFile gives what to execute for the program at path. Where a checksum is
// pinned that is not the file itself but a copy that only this user can reach,
// made of the very bytes that were hashed: nobody can put another file in their
// place between the check and the start. A script is the exception: it is found
// by its path, from where it also loads its parts, so it is executed in place.
func openFile(name, path string, pinned []string) (*file, error) {
	fail := func(err error) error {
		return &startError{
			pointer: "/provider",
			cause:   &capability.Error{Reason: "provider_unavailable", Message: fmt.Sprintf("provider %q: %v", name, err)},
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fail(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fail(fmt.Errorf("%s is not a file", path))
	}
	if len(pinned) == 0 {
		return &file{path: path}, nil
	}
	if info.Size() > maxProgram {
		return nil, fail(fmt.Errorf("%s has %d bytes, at most %d are allowed", path, info.Size(), maxProgram))
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fail(err)
	}
	defer in.Close() //nolint:errcheck // it was only read
	f, sum, err := copyOf(in, path)
	if err != nil {
		return nil, fail(err)
	}
	for _, want := range pinned {
		if want != sum {
			f.remove()
			return nil, &startError{
				pointer: "/checksum",
				hint:    fmt.Sprintf("if this is the program that is meant, write checksum = %q", sum),
				cause: &capability.Error{
					Reason:  "provider_checksum",
					Message: fmt.Sprintf("provider %q is not started: %s has the checksum %s, pinned is %s", name, path, sum, want),
				},
			}
		}
	}
	return f, nil
}

// copyOf hashes a program while it copies it.
func copyOf(in *os.File, path string) (*file, string, error) {
	h := sha256.New()
	reader := bufio.NewReader(io.LimitReader(in, maxProgram+1))
	if start, _ := reader.Peek(2); string(start) == "#!" {
		if _, err := io.Copy(h, reader); err != nil {
			return nil, "", err
		}
		return &file{path: path}, checksum(h), nil
	}
	dir, err := os.MkdirTemp("", "chainrun-provider-")
	if err != nil {
		return nil, "", err
	}
	f := &file{path: filepath.Join(dir, filepath.Base(path)), copy: dir}
	if err := write(f.path, io.TeeReader(reader, h)); err != nil {
		f.remove()
		return nil, "", err
	}
	return f, checksum(h), nil
}

func checksum(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// write makes an executable file.
func write(path string, from io.Reader) error {
	// A child that another goroutine forks while this file is open for writing
	// has it open too, until it has become its own program; executing the file
	// would fail meanwhile. So nobody forks.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o500) //nolint:gosec // it is to be executed, by this user alone
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}

// close takes the copy away when the program was begun, which keeps its file
// without the name; but for Windows, where that has to wait for its end.
func (f *file) close() {
	if runtime.GOOS != "windows" {
		f.remove()
	}
}

// remove takes the copy away.
func (f *file) remove() {
	if f.copy != "" {
		_ = os.RemoveAll(f.copy) // what is left is a file that nobody uses
	}
}

// environment gives the variables that providers get, with those that the
// operator names.
func environment(named []string) []string {
	env := []string{}
	for _, name := range slices.Concat(everyProvider, named) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

var everyProvider = []string{
	"PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"SYSTEMROOT", "TEMP", "TMP", // Windows
}
