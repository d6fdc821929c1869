package expr

// One evaluation in progress: its variables, and what it may still spend.

import (
	"context"
	"fmt"
	"sync"

	"github.com/chainrun/chainrun/host/document"
)

// The limits of expressions. All are fixed, so that an expression that is
// accepted on one machine is accepted on every other.
const (
	// MaxLength is how long an expression may be, in bytes.
	MaxLength = 16 << 10
	// MaxNesting is how deeply an expression may be nested. A chain of fields or
	// of operators other than && and || nests too: a + b + c is (a + b) + c.
	MaxNesting = 100
	// MaxLoops is how many map, filter, all and the like may be nested within
	// one another.
	MaxLoops = 6
	// MaxNames is how many cel.bind, optMap and loops may be nested within one
	// another, or follow one another in a chain.
	MaxNames = 30
	// MaxCost is what one evaluation may cost. Each operator, function, field
	// and element that is looked at costs 1; text and what is built cost 1 for
	// each 16 bytes; a regular expression costs its size times the length of
	// the text, divided by 8. All of it takes well below a second.
	MaxCost = 5_000_000
	// MaxBytes is how much memory the lists, objects and strings that one
	// evaluation builds may take together, and how long the JSON of its result
	// may be.
	MaxBytes = 32 << 20
)

const (
	bytesPerUnit = 16
	slice        = 2048 // units between two looks at the context
)

// fault is an error that the expression itself made: && and || may absorb it. Its
// text is made only if somebody reads it, since a loop may absorb very many.
type fault struct {
	format       string
	args         []any
	missing      bool // what was asked for is not there: absent, for x[?i]
	line, column int  // of the innermost call that failed; 0: not known
}

func (e *fault) Error() string {
	text := fmt.Sprintf(e.format, e.args...)
	switch {
	case e.line > 1:
		text += fmt.Sprintf(" (line %d, column %d)", e.line, e.column)
	case e.line == 1:
		text += fmt.Sprintf(" (column %d)", e.column)
	}
	return text
}

func failf(format string, args ...any) error {
	return &fault{format: format, args: args}
}

func missingf(format string, args ...any) error {
	return &fault{format: format, args: args, missing: true}
}

// isMissing reports whether err says that something is not there.
func isMissing(err error) bool {
	f, ok := err.(*fault) //nolint:errorlint // made here and never wrapped
	return ok && f.missing
}

// stopped is an error that ends an evaluation at once: a limit, or the context.
type stopped struct {
	text  string
	cause error
}

func (s *stopped) Error() string { return s.text }
func (s *stopped) Unwrap() error { return s.cause }

// absorbable reports whether && and || may go on after err.
func absorbable(err error) bool {
	_, ok := err.(*fault) //nolint:errorlint // made here and never wrapped
	return ok
}

// frame is used by one goroutine for one evaluation.
type frame struct {
	ctx    context.Context //nolint:containedctx // a frame lives as long as one call
	slots  []any           // variables first, then those of the loops
	seen   []seen          // by way
	stack  []any           // arguments of the calls in progress
	names  []string        // of the variables
	vars   map[string]document.Document
	slice  int // units left before the next look at the context
	left   int // units left after this slice
	memory int // bytes left
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// unset marks a variable that was not looked at yet.
var unset any = failed{}

// enter prepares a frame for p.
func enter(ctx context.Context, p *Program, vars map[string]document.Document, cost int) *frame {
	f := frames.Get().(*frame)
	f.ctx, f.vars, f.names = ctx, vars, p.names
	f.slice, f.left, f.memory = min(slice, cost), max(cost-slice, 0), MaxBytes
	if cap(f.slots) < p.slots {
		f.slots = make([]any, p.slots)
	}
	f.slots = f.slots[:p.slots]
	if cap(f.seen) < p.ways {
		f.seen = make([]seen, p.ways)
	}
	f.seen = f.seen[:p.ways]
	for i := range p.names {
		f.slots[i] = unset
	}
	return f
}

// leave gives the frame back without keeping anything alive.
func (f *frame) leave() {
	clear(f.slots)
	clear(f.seen)
	clear(f.stack)
	f.stack = f.stack[:0]
	f.ctx, f.vars, f.names = nil, nil, nil
	frames.Put(f)
}

// variable is the value of variable i, decoded when it is first needed.
func (f *frame) variable(i int) (any, error) {
	d, ok := f.vars[f.names[i]]
	if !ok || d.IsZero() {
		f.slots[i] = nil
		return nil, nil
	}
	v, err := d.Value()
	if err != nil {
		return nil, &stopped{text: fmt.Sprintf("decoding %s: %v", f.names[i], err), cause: err}
	}
	f.slots[i] = v
	return v, nil
}

// spend takes n units. It must be called before the work that it stands for.
func (f *frame) spend(n int) error {
	if f.slice -= n; f.slice >= 0 {
		return nil
	}
	return f.refill()
}

// begin refuses a context that has ended.
func (f *frame) begin() error {
	if f.ctx.Err() == nil {
		return nil
	}
	err := context.Cause(f.ctx)
	return &stopped{text: "interrupted: " + err.Error(), cause: err}
}

// refill looks at the context and at the cost.
func (f *frame) refill() error {
	if err := f.begin(); err != nil {
		return err
	}
	need := -f.slice
	if need > f.left {
		f.left, f.slice = 0, 0
		return &stopped{text: fmt.Sprintf("costs more than the limit of %d units", MaxCost), cause: ErrCost}
	}
	f.left -= need
	f.slice = min(slice, f.left)
	f.left -= f.slice
	return nil
}

// build takes n bytes of memory and what filling them costs. It must be called
// before they are allocated.
func (f *frame) build(n int) error {
	if n < 0 || n > f.memory {
		return &stopped{text: fmt.Sprintf("builds more than the limit of %d MiB", MaxBytes>>20), cause: ErrCost}
	}
	f.memory -= n
	return f.spend(n / bytesPerUnit)
}
