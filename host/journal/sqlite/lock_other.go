//go:build !linux && !darwin && !windows

package sqlite

import (
	"errors"
	"os"
)

// The locks of these systems belong to the process and are lost when any of its
// descriptors of the file is closed; nothing can be built on that.

func lockByte(*os.File, int64) (bool, error)   { return false, errors.ErrUnsupported }
func unlockByte(*os.File, int64) error         { return errors.ErrUnsupported }
func lockedByte(*os.File, int64) (bool, error) { return false, errors.ErrUnsupported }
