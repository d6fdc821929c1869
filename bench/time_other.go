//go:build !linux

// The time that a table measures, elsewhere.
package main

import "time"

var processStart = time.Now()

// threadTime is the time on the clock.
func threadTime() time.Duration { return time.Since(processStart) }

// processTime is the time on the clock too.
func processTime() time.Duration { return time.Since(processStart) }
