//go:build !linux

package sandbox

import "testing"

func offered(*testing.T, ImageStrategy) {}

func withoutMappings(*testing.T) {}
