package sandbox

// What a module says of itself when it is asked: for tools, outside of any run.

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/chainrun/chainrun/runtime/module"
)

// ErrNoDescribe is returned by [Program.Describe] for a module that cannot be
// asked: it does not export [module.ExportDescribe], as no command does,
// or is an Extism plug-in.
var ErrNoDescribe = errors.New("the module does not describe itself: it exports no " + module.ExportDescribe)

// Describe asks a module for its manifest, from its fresh state and outside of
// any attempt: there is no config, no feedback and no capability, what it logs
// is dropped, its clock starts in 1970 and its seed is all zeros, so that every
// machine gives the same bytes. Limits holds as for a [Call], but of the
// manifest at most [module.MaxManifestBytes], and tables have their default.
//
// The bytes are as the module gave them; [module.ParseManifest] checks them.
// What the guest does wrong, or an error document of its own, is the Stop.
// The error is [ErrNoDescribe], or means that chainrun could not do its work.
func (p *Program) Describe(ctx context.Context, limits Limits) ([]byte, *Stop, error) {
	if err := p.engine.begin(); err != nil {
		return nil, nil, err
	}
	defer p.engine.end()
	if e, ok := p.module.Export(module.ExportDescribe); !ok || e.Kind != module.KindFunction || p.command || p.extism {
		return nil, nil, ErrNoDescribe
	}
	if limits.OutputBytes <= 0 || limits.OutputBytes > module.MaxManifestBytes {
		limits.OutputBytes = module.MaxManifestBytes
	}
	limits.TableElements = p.tables
	limits = limits.orDefaults()
	if ctx.Err() != nil {
		return nil, canceled(ctx), nil
	}
	inst, stop, err := p.acquire(ctx, limits)
	if inst == nil {
		return nil, stop, err
	}
	defer func() {
		inst.spent = true // it is asked once in its life
		p.release(inst)
	}()

	a := newAttempt(limits, p.engine.config.Slice)
	a.memory = inst.memory
	a.clock = newGuestClock(time.Time{}, inst.lived)
	a.files = newFileTable(nil)
	inst.memory.refused = false
	if inst.refused != nil {
		inst.refused.Set(0)
	}
	manifest, stop, err := inst.describe(ctx, a)
	if err = cmp.Or(err, a.err); err != nil {
		return nil, nil, err
	}
	if stop == nil && a.used(inst.fuel) > limits.Fuel {
		stop = a.outOfFuel()
	}
	if stop != nil {
		return nil, p.because(stop, a, inst), nil
	}
	return manifest, nil, nil
}

func (i *instance) describe(ctx context.Context, a *attempt) ([]byte, *Stop, error) {
	packed, stop, err := i.enter(ctx, a, module.ExportDescribe)
	if stop, err = reactorExit(a, stop, err); stop != nil || err != nil {
		return nil, stop, err
	}
	return i.result(a, module.ExportDescribe, packed)
}
