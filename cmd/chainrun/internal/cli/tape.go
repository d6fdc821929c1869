package cli

// --record and --cassette: the answers of capabilities, to a file and back.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/cassette"
)

// recording writes a cassette beside its place, and puts it there when the run
// has ended: what was recorded before is lost only to a whole new one.
type recording struct {
	to   string
	file *os.File
	*cassette.Writer
}

func newRecording(to, graph string) (*recording, error) {
	// A folder, or a device, is not to be found out when the models were paid.
	if there, err := os.Stat(to); err == nil && !there.Mode().IsRegular() {
		return nil, usagef("--record: %s is there, and is no file", to)
	}
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"-*")
	if err != nil {
		return nil, usagef("--record: %w", err)
	}
	return &recording{to: to, file: f, Writer: cassette.NewWriter(f, graph)}, nil
}

// keep ends the recording. Also a run that failed is worth it: the next one can
// be made without the world up to there.
func (r *recording) keep() error {
	err := errors.Join(r.Close(), r.file.Chmod(0o644), r.file.Close())
	if err == nil {
		err = os.Rename(r.file.Name(), r.to)
	}
	if err != nil {
		_ = os.Remove(r.file.Name())
		return &exitError{exitInternal, fmt.Errorf("--record: %w", err)} // no graph is to blame for a full disk
	}
	return nil
}

// drop is for a run that never began.
func (r *recording) drop() {
	_ = r.file.Close()
	_ = os.Remove(r.file.Name())
}

func readCassette(name string) (*cassette.Cassette, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("--cassette: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	c, err := cassette.Read(f)
	if err != nil {
		return nil, usagef("--cassette: %s: %w", name, err)
	}
	return c, nil
}

// tapes turns the flags into options of the run. finish must be called when the
// run is over, or never began (with a nil run).
func (f runFlags) tapes(graph string) (options []host.RunOption, finish func(*host.Run) error, err error) {
	finish = func(*host.Run) error { return nil }
	switch {
	case f.record != "" && f.cassette != "":
		return nil, nil, usagef("--record and --cassette: a run that is answered from a cassette has nothing to record")
	case f.cassette != "":
		c, err := readCassette(f.cassette)
		if err != nil {
			return nil, nil, err
		}
		return []host.RunOption{host.WithCassette(c)}, finish, nil
	case f.record != "":
		// Also what was answered before the run was carried on.
		r, err := newRecording(f.record, graph)
		if err != nil {
			return nil, nil, err
		}
		return []host.RunOption{host.WithPast(r.Observe), host.WithObserver(r.Observe)}, func(run *host.Run) error {
			if run == nil {
				r.drop()
				return nil
			}
			return r.keep()
		}, nil
	}
	return nil, finish, nil
}
