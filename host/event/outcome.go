package event

import (
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

// Outcome is what came of calling a node: not yet a fact, because the stepper
// may still refuse it (a condition that fails, an update that breaks its
// schema). Exactly one of Output and Failure is set, except that a refused
// output is kept beside its failure.
type Outcome struct {
	Attempt
	Output  document.Document
	Failure *failure.Failure
	Fuel    uint64
	Stored  []Stored // what a success stores; dropped where it does not stay one
	// CacheKey and From are those of the facts.
	CacheKey string
	From     *Origin
}
