//go:build !unix

package sandbox

import "io/fs"

// private cannot be told from mode bits here; a user's cache folder is.
func private(fs.FileInfo) bool { return true }
