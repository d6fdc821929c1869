package failure_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/failure"
)

func TestCodes(t *testing.T) {
	all := failure.Codes()
	if slices.Sort(all); len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("a code stands twice in the table")
	}
	for _, c := range all {
		if !c.Known() {
			t.Errorf("%s is not known", c)
		}
	}
	if failure.Code("http_429").Known() || failure.Code("http_429").Routable() {
		t.Error("a reason is taken for a code")
	}
	var never []failure.Code
	for _, c := range failure.Codes() {
		if !c.Routable() {
			never = append(never, c)
		}
	}
	want := []failure.Code{failure.LoopConflict, failure.MaxSteps, failure.Canceled, failure.Deadline, failure.Budget}
	if !slices.Equal(never, want) {
		t.Errorf("never routed: %v, want %v", never, want)
	}
	all[0] = "changed"
	if failure.Codes()[0] == "changed" {
		t.Error("a caller can change the table")
	}
}

// The JSON form is the document of failure edges and of the journal.
func TestJSON(t *testing.T) {
	f := failure.Failure{
		Code: failure.InvalidOutput, Message: "the output breaks its schema", Node: "parse", Step: "parse[2]", Attempt: 1,
		Violations: []failure.Violation{{Pointer: "/a", Keyword: "type", Message: "must be a string", Found: "1"}},
		Retryable:  true, RetryAfter: time.Second,
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"code":"invalid_output","message":"the output breaks its schema","node":"parse","step":"parse[2]","attempt":1,` +
		`"violations":[{"pointer":"/a","keyword":"type","message":"must be a string","found":"1"}],"retryable":true,"retry_after":1000000000}`
	if string(b) != want {
		t.Errorf("got %s\nwant %s", b, want)
	}
	var back failure.Failure
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(f, back) {
		t.Errorf("%+v, %v", back, err)
	}
}
