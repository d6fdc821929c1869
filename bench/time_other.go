//go:build !linux

// The time that a table measures, elsewhere.
package main

import "time"

var processStart = time.Now()

// threadTime is the time on the clock.
func threadTime() time.Duration { return time.Since(processStart) }
