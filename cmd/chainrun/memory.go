package main

// When the process collects garbage.

import (
	"os"
	"runtime"
	"runtime/debug"
)

// firstCollection is the heap, in percent of Go's smallest (4 MiB), at which the first
// collection begins: 64 MiB. Most runs end before; collections of a small heap would
// be a tenth of their time.
const firstCollection = 1600

// collectLater puts the first collection off, and lets those after it come as Go has
// them come. Whoever says otherwise in the environment has it his way.
func collectLater() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	usual := debug.SetGCPercent(firstCollection)
	type collected struct{ _ [64]byte }
	runtime.AddCleanup(new(collected), func(percent int) { debug.SetGCPercent(percent) }, usual)
}
