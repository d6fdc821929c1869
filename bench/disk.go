// The disk itself: the least that anything durable costs.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// workFolder is on the disk of the sources: that of temporary files may be memory.
func workFolder() (string, error) {
	build := filepath.Join(folder, "build")
	if err := os.MkdirAll(build, 0o755); err != nil { //nolint:gosec // nothing in it is private
		return "", fmt.Errorf("making the build folder: %w", err)
	}
	dir, err := os.MkdirTemp(build, "durable-")
	if err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	return dir, nil
}

// disk is a file in which pages are written in place, and kept.
type disk struct {
	f    *os.File
	next int64
}

const diskPages, pageBytes = 64, 4096

func openDisk(dir string) (*disk, error) {
	f, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		return nil, fmt.Errorf("making a file: %w", err)
	}
	if _, err = f.Write(make([]byte, diskPages*pageBytes)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, fmt.Errorf("filling a file: %w", err)
	}
	return &disk{f: f}, nil
}

// write has the disk keep so many pages, one after another.
func (d *disk) write(pages int) error {
	page := make([]byte, pageBytes)
	for range pages {
		if _, err := d.f.WriteAt(page, d.next%diskPages*pageBytes); err != nil {
			return fmt.Errorf("writing a page: %w", err)
		}
		if err := syncData(d.f); err != nil {
			return fmt.Errorf("having the disk keep a page: %w", err)
		}
		d.next++
	}
	return nil
}

// removeAll takes a folder of a table's own away.
func removeAll(dir string) { _ = os.RemoveAll(dir) }
