package sandbox

// The engine: what all programs of a process share.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/chainrun/chainrun/runtime/module"
)

// DefaultSlice is the fuel between two looks at the clock: about a millisecond
// of compiled code.
const DefaultSlice = 1_000_000

// ErrClosed is returned by everything that is done with a closed [Engine].
var ErrClosed = errors.New("the sandbox engine is closed")

// A Config says how an [Engine] works. The zero value is a good one, without a
// cache on disk.
type Config struct {
	// CacheDir is a folder for compiled modules, made when it is absent. One
	// that cannot be used, or that others may write to, is left alone: things
	// then work without. Whoever can write there as the same user can have
	// any code executed. "": no cache on disk.
	CacheDir string
	// Interpreter runs modules by wazero's interpreter: slower by tens of
	// times, on any processor. Recursion ends at about 2,000 calls there,
	// whatever Limits.CallDepth says. Elsewhere the compiler is used, where it
	// exists for the machine.
	Interpreter bool
	// Images is the way in which instances are set back between attempts, to be
	// tried before those that are slower. "": what CHAINRUN_IMAGES in the
	// environment says, else the fastest that works here.
	Images ImageStrategy
	// Slice is the fuel between two looks at the clock and the context. 0:
	// [DefaultSlice]. The fuel that is reported after a trap depends on it, so
	// that attempts to be compared need the same.
	Slice uint64
}

// A RefusedError says that a module will not be run, whatever its input.
type RefusedError struct {
	Text string // what was found
	Hint string // what to do about it; may be empty
}

// Error gives the text and the hint on one line.
func (e *RefusedError) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + "; " + e.Hint
}

// An Engine compiles modules and keeps them. It is safe for concurrent use.
type Engine struct {
	config Config
	cache  *diskCache // nil: none
	pages  *pages

	mu       sync.Mutex
	programs map[programKey]*pending
	closed   bool
	running  sync.WaitGroup // calls and compilations; added to under mu

	sweeping atomic.Bool // a sweep will come
}

// A programKey is what a program was made from. The cap of tables is compiled
// in; it differs only for modules with table.grow, of which there are few.
type programKey struct {
	digest        string
	tableElements uint32
}

// pending is a program that is being compiled, or has been.
type pending struct {
	done    chan struct{}
	program *Program // after done
	err     error
}

// New makes an engine. The context bounds the making alone.
func New(ctx context.Context, c Config) (*Engine, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if c.Slice == 0 {
		c.Slice = DefaultSlice
	}
	want, err := wantedStrategy(c.Images)
	if err != nil {
		return nil, err
	}
	return &Engine{config: c, cache: openDiskCache(c.CacheDir), pages: openPages(want), programs: map[programKey]*pending{}}, nil
}

// Close waits for the calls and compilations under way and frees everything.
// Cancel their contexts to have them end. Closing twice is fine.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.running.Wait() // nothing begins any more

	var errs []error
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, p := range e.programs {
		if p.program != nil {
			errs = append(errs, p.program.close(ctx))
		}
		delete(e.programs, key)
	}
	e.pages.close()
	return errors.Join(errs...)
}

// begin keeps the engine open until end is called.
func (e *Engine) begin() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.running.Add(1)
	return nil
}

func (e *Engine) end() { e.running.Done() }

// Compile gives the program for m, compiling it at the first time for each
// digest; callers that come meanwhile wait for the same result. A module that
// cannot be run is a [*RefusedError]; other errors mean that chainrun could
// not do its work, or that ctx ended.
func (e *Engine) Compile(ctx context.Context, m *module.Module) (*Program, error) {
	if err := e.begin(); err != nil {
		return nil, err
	}
	defer e.end()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return e.program(ctx, m, DefaultTableElements)
}

// program gives the program for m whose tables grow to at most tableElements.
func (e *Engine) program(ctx context.Context, m *module.Module, tableElements uint32) (*Program, error) {
	key := programKey{digest: m.Digest, tableElements: tableElements}
	for {
		p, mine := e.claim(key)
		if mine {
			p.program, p.err = e.compileGuarded(ctx, m, tableElements)
			if p.err != nil && ctx.Err() != nil {
				p.err = errAbandoned // the next one who waits takes over
				e.forget(key)
				close(p.done)
				return nil, context.Cause(ctx)
			}
			close(p.done)
			return p.program, p.err
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !errors.Is(p.err, errAbandoned) {
			return p.program, p.err
		}
	}
}

// compileGuarded refuses a module on which the rewriter or wazero panics: it may
// have been made for that, and must not end the process.
func (e *Engine) compileGuarded(ctx context.Context, m *module.Module, tableElements uint32) (p *Program, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			p, err = nil, &RefusedError{
				Text: fmt.Sprintf("compiling it failed: %v", reason),
				Hint: "this is a bug in chainrun or wazero, if the module is valid; please report it with the module",
			}
		}
	}()
	return e.compile(ctx, m, tableElements)
}

var errAbandoned = errors.New("whoever compiled the module gave up")

// claim gives the entry for a key and whether the caller has to fill it.
func (e *Engine) claim(key programKey) (p *pending, mine bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, found := e.programs[key]
	if !found {
		p = &pending{done: make(chan struct{})}
		e.programs[key] = p
	}
	return p, !found
}

func (e *Engine) forget(key programKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.programs, key)
}
