//go:build !linux

package main

import "os"

// syncData has the disk keep a file.
func syncData(f *os.File) error { return f.Sync() }
