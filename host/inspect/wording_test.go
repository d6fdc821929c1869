package inspect_test

import (
	"slices"
	"testing"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/inspect"
)

// TestOwnWordsAreNotInTheDigest: the failure of a subgraph's or a foreach's step
// is that of what is inside it, perhaps with a word of chainrun's own ("the
// condition of the edge to …"); how chainrun words things is not in the lineage.
func TestOwnWordsAreNotInTheDigest(t *testing.T) {
	digest := func(code failure.Code, message string) string {
		f := failure.Failure{Code: code, Reason: "gone", Message: message, Node: "draft", Step: "draft[1]#0", Attempt: 1}
		events := story(start, event.StepFailed{Step: "draft[1]", Node: "draft", Failure: f},
			event.RunFinished{Status: event.Failed, Failure: &f})
		return inspect.Fold(loop(t), slices.Values(events)).Digest
	}
	plain, worded := digest(failure.NodeError, "no such film"), digest(failure.NodeError, "no such film; the condition of the edge to \"x\" failed")
	if plain != worded || plain == "" {
		t.Errorf("%s and %s", plain, worded)
	}
	if plain == digest(failure.Trap, "no such film") {
		t.Error("the code is not in the digest")
	}
}
