package cli

// chainrun node run --attempt: an attempt that failed, made again.

import (
	"context"
	"errors"
	"fmt"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/attemptfile"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/invoke"
	"github.com/chainrun/chainrun/runtime/meter"
)

// again makes the attempt of a file again, with the module that is named, which may be a
// mended one.
func (t *trial) again(ctx context.Context, f tryFlags) error {
	a := t.app
	kept, err := attemptfile.Read(f.attempt)
	if err != nil {
		return usagef("--attempt: %w", err)
	}
	node := nodeName(t.module)
	src, err := kept.Source(node, t.module)
	if err != nil {
		return usagef("--attempt: %w", err)
	}
	asked, err := kept.Given(node)
	if err != nil {
		return usagef("--attempt: %w", err)
	}
	limits, err := f.source(a, t.module) // of the command line
	if err != nil {
		return err
	}
	own := &src.Nodes[0]
	for _, key := range []string{"fuel", "memory", "timeout"} {
		at, changed := limits.Nodes[0].Keys[key]
		if !changed {
			continue
		}
		own.Keys[key] = at
		switch key {
		case "fuel":
			own.Fuel = limits.Nodes[0].Fuel
		case "memory":
			own.Memory = limits.Nodes[0].Memory
		case "timeout":
			own.Timeout = limits.Nodes[0].Timeout
		}
	}
	done, err := t.attempt(ctx, src, kept.Schemas(moduleFile), asked, "")
	if t.digest != "" && t.digest != kept.Digest {
		fmt.Fprintf(a.Err, "%s is not the module of the attempt, which had the digest %s\n", indented(t.module), printable(kept.Digest))
	}
	if diverged, ok := errors.AsType[*invoke.DivergedError](err); ok {
		return t.elsewhere(kept, diverged)
	}
	if err != nil {
		return err
	}
	same := kept.Same(done.Outcome)
	reproduced := same == ""
	err = t.report(done, &reproduced)
	switch {
	case !reproduced:
		fmt.Fprintf(a.Err, "not as it was recorded: %s\n", indented(same))
	case kept.FuelRule != meter.Version:
		fmt.Fprintln(a.Err, "as it was recorded, but for its fuel, which another version of chainrun has counted otherwise")
	case done.Failure.Code == failure.Timeout:
		fmt.Fprintln(a.Err, "it ran out of time, as it was recorded; how far it came depends on the machine")
	default:
		fmt.Fprintln(a.Err, "as it was recorded: the same failure, and the same fuel")
	}
	return err
}

// elsewhere says that the node asks something else than it has asked.
func (t *trial) elsewhere(kept *attemptfile.File, diverged *invoke.DivergedError) error {
	a := t.app
	asked, recorded := diverged.Diverged()
	late := kept.Failure.Code == failure.Timeout && asked != nil
	switch {
	case late && recorded == nil: // it did not come so far
		a.explainFailed(t.module, "", &kept.Failure)
		fmt.Fprintf(a.Err, "it ran out of time before its call of %s.%s, as it was recorded: there is no answer to go on with\n",
			printable(asked.Capability), printable(asked.Method))
		return said(exitFailed)
	case late && recorded.Failure != nil && recorded.Failure.Code == failure.Timeout:
		a.explainFailed(t.module, "", &kept.Failure)
		fmt.Fprintf(a.Err, "it ran out of time in call %d, of %s.%s, as it was recorded: there is no answer to go on with\n",
			recorded.Ordinal, printable(recorded.Capability), printable(recorded.Method))
		return said(exitFailed)
	}
	fmt.Fprintf(a.Err, "%s: %s\n", indented(t.module), indented(diverged.Error()))
	if asked != nil && !asked.Request.IsZero() {
		fmt.Fprintf(a.Err, "  asked:    %s\n", indented(brief(asked.Request, briefBytes)))
	}
	if recorded != nil && !recorded.Request.IsZero() {
		fmt.Fprintf(a.Err, "  recorded: %s\n", indented(brief(recorded.Request, briefBytes)))
	}
	return said(exitDiverged)
}

// briefBytes is how much of a document is shown in a line.
const briefBytes = 400
