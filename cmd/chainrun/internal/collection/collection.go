// Package collection says when the process collects garbage for the first time. It
// needs no other package of ours, so that it has its say before most of the packages
// of the program are initialised: they fill Go's smallest heap all by themselves.
package collection

import (
	"os"
	"runtime"
	"runtime/debug"
)

// First is the heap, in percent of Go's smallest (4 MiB), at which the first
// collection begins: 64 MiB. Most runs end before; collections of a small heap would
// be a tenth of their time.
const First = 1600

func init() {
	later(os.Getenv, debug.SetGCPercent)
}

// later puts the first collection off, and lets those after it come as Go has them
// come. Whoever says otherwise in the environment has it his way.
func later(environment func(string) string, set func(percent int) (before int)) {
	if environment("GOGC") != "" || environment("GOMEMLIMIT") != "" {
		return
	}
	usual := set(First)
	type collected struct{ _ [64]byte }
	runtime.AddCleanup(new(collected), func(percent int) { set(percent) }, usual)
}
