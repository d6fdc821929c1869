package sandbox

// Pre-initialisation: the state that an attempt has come to, for a tool that
// writes it into a new module. chainrun node pack evaluates a script so.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/runtime/module"
)

// ErrMoreState is returned by [Program.Snapshot] for a module whose memory and
// globals are not all that it can change.
var ErrMoreState = errors.New("the module has state besides its memory and its globals")

// Snapshot runs one attempt as [Program.Call] does, and gives the state that it
// has left behind. There is a state only where the result has no Stop.
func (p *Program) Snapshot(ctx context.Context, c Call) (Result, *module.State, error) {
	if err := p.engine.begin(); err != nil {
		return Result{}, nil, err
	}
	defer p.engine.end()
	if _, found := p.exports[c.Entry]; !found {
		return Result{}, nil, fmt.Errorf("calling %q: %w", c.Entry, ErrNoEntry)
	}
	if p.extism {
		return Result{}, nil, fmt.Errorf("taking a snapshot: %w: what an Extism plug-in has asked its host for", ErrMoreState)
	}
	if !p.poolable {
		return Result{}, nil, fmt.Errorf("taking a snapshot: %w: %s", ErrMoreState, strings.Join(p.code.Irreversible, "; "))
	}
	limits := c.Limits.orDefaults()
	if ctx.Err() != nil {
		return Result{Stop: canceled(ctx)}, nil, nil
	}
	if stop := p.fits(limits); stop != nil {
		return Result{Stop: stop}, nil, nil
	}
	i, stop, err := p.fresh(ctx, limits)
	if i == nil {
		return Result{Stop: stop}, nil, err
	}
	defer i.close()

	a := newAttempt(limits, p.engine.config.Slice)
	a.of(c, i)
	output, stop, err := i.run(ctx, a)
	a.log.close()
	if err = cmp.Or(err, a.err); err != nil {
		return Result{}, nil, err
	}
	result := Result{
		Output: output, Stop: stop,
		Fuel:            a.used(i.fuel),
		PeakMemoryBytes: uint64(len(i.memory.buf)),
		LogTruncated:    a.log.truncated,
	}
	if stop != nil {
		return result, nil, nil
	}
	state := &module.State{Memory: bytes.Clone(i.memory.buf)}
	for _, g := range i.globals {
		state.Globals = append(state.Globals, g.Get())
	}
	return result, state, nil
}
