package inspect

import (
	"bytes"
	"encoding/json"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// MarshalJSON writes every member that a script may look for, also where there
// is nothing to say: a failure without a place has an empty step, one without
// violations an empty list of them.
func (v View) MarshalJSON() ([]byte, error) {
	type shownFailure struct {
		Node       string              `json:"node"`
		Step       string              `json:"step"`
		Attempt    int                 `json:"attempt"`
		Code       failure.Code        `json:"code"`
		Reason     string              `json:"reason"`
		Message    string              `json:"message"`
		Violations []failure.Violation `json:"violations"`
	}
	type plain View // without this method
	shown := struct {
		Run     string            `json:"run"`
		Status  string            `json:"status"`
		Output  document.Document `json:"output"`
		Failure *shownFailure     `json:"failure"`
		Steps   []Step            `json:"steps"`
		Fuel    uint64            `json:"fuel"`
		Usage   event.Usage       `json:"usage,omitzero"`
		Digest  string            `json:"digest"`
		*plain                    // the rest
	}{v.Run, v.Status, v.Output, nil, v.Steps, v.Fuel, v.Usage, v.Digest, (*plain)(&v)}
	if f := v.Failure; f != nil {
		shown.Failure = &shownFailure{f.Node, f.Step, f.Attempt, f.Code, f.Reason, f.Message, f.Violations}
		if f.Violations == nil {
			shown.Failure.Violations = []failure.Violation{}
		}
	}
	if shown.Steps == nil {
		shown.Steps = []Step{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(shown); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
