//go:build unix

package sandbox

import (
	"io/fs"
	"os"
	"syscall"
)

// private tells whether nobody else can change a folder.
func private(info fs.FileInfo) bool {
	if info.Mode().Perm()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
