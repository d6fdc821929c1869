package expr

// Env and Program: what other packages use.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/checker"

	"github.com/chainrun/chainrun/host/document"
)

// ErrCost is what an [EvalError] wraps when an evaluation exceeded [MaxCost] or
// [MaxBytes]. More documents or larger ones may be the cause.
var ErrCost = errors.New("the expression exceeded its limits")

// Env is the place an expression stands in: the variables that it may name. It
// is immutable, cheap to make and safe for concurrent use.
type Env struct {
	variables []string
	known     map[string]bool
	once      sync.Once
	check     *checker.Env
	err       error
}

// environments are shared by all that know the same variables. There are as
// many as a program has places for expressions.
var (
	environments   = map[string]*Env{}
	environmentsMu sync.Mutex
)

// NewEnv is the Env with the given variables, e.g. "input", "state", "run".
// Each is of any type. NewEnv does next to nothing: what is costly is done at
// the first [Env.Compile], and shared.
func NewEnv(vars ...string) *Env {
	vars = slices.Compact(slices.Sorted(slices.Values(vars)))
	key := ""
	var keySb43 strings.Builder
	for _, v := range vars {
		keySb43.WriteString(v + "\x00")
	}
	key += keySb43.String()
	environmentsMu.Lock()
	defer environmentsMu.Unlock()
	if e, ok := environments[key]; ok {
		return e
	}
	e := &Env{variables: vars, known: map[string]bool{}}
	for _, v := range vars {
		e.known[v] = true
	}
	if len(environments) < 100 {
		environments[key] = e
	}
	return e
}

func (e *Env) checker(l *language) (*checker.Env, error) {
	e.once.Do(func() { e.check, e.err = newChecker(l, e.variables) })
	return e.check, e.err
}

// Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	source, normal string
	negated        string // x, where the expression is !(x)
	names          []string
	slots, ways    int
	whole          string              // the variable that the expression is, if it is one
	members        map[string][]string // of the variables of which only members are used
	root           node
}

// EvalError is why an expression has no result: it failed, it exceeded its
// limits ([ErrCost]) or its context ended (the context's cause). The caller
// records the first two as expression_error.
type EvalError struct {
	Text  string
	cause error
}

// Error is the text.
func (e *EvalError) Error() string { return e.Text }

// Unwrap is [ErrCost], the context's cause, or nil.
func (e *EvalError) Unwrap() error { return e.cause }

func evalError(err error) error {
	e := &EvalError{Text: err.Error()}
	if s, ok := errors.AsType[*stopped](err); ok {
		e.cause = s.cause
	}
	return e
}

// Eval is the value of the expression. A variable that vars lacks, or that is
// absent, is null. The result is a JSON value: an expression that gives bytes,
// a timestamp or a type fails. An optional value gives what it holds, or fails.
//
// Whatever a result takes over from a variable is taken over as it is written:
// whole variables byte by byte, parts of them with their numbers digit by digit.
//
// Eval ends soon after ctx does. Any error is an *[EvalError].
func (p *Program) Eval(ctx context.Context, vars map[string]document.Document) (document.Document, error) {
	f := enter(ctx, p, vars, MaxCost)
	defer f.leave()
	if err := f.begin(); err != nil {
		return document.Document{}, evalError(err)
	}
	if p.whole != "" { // nothing needs to be decoded
		if d, ok := vars[p.whole]; ok && !d.IsZero() {
			return d, nil
		}
		return document.Null(), nil
	}
	d, err := f.result(p.root)
	if err != nil {
		return document.Document{}, evalError(err)
	}
	return d, nil
}

// Holds is the value of an expression that is a condition. Anything but a
// boolean is an error. Otherwise it is as [Program.Eval].
func (p *Program) Holds(ctx context.Context, vars map[string]document.Document) (bool, error) {
	f := enter(ctx, p, vars, MaxCost)
	defer f.leave()
	if err := f.begin(); err != nil {
		return false, evalError(err)
	}
	v, err := p.root.eval(f)
	if err != nil {
		return false, evalError(err)
	}
	b, ok := v.(bool)
	if !ok {
		return false, evalError(failf("a condition must be true or false; this one is %s", describe(v)))
	}
	return b, nil
}

// Source is the expression as it was written.
func (p *Program) Source() string { return p.source }

// Normal is the expression written in one way: two expressions that are parsed
// as the same have the same Normal, whatever their space and brackets. It may be
// longer than [MaxLength], as it has spaces and escapes that nobody wrote.
func (p *Program) Normal() string { return p.normal }

// Uses reports whether the expression names the variable. A name that a loop
// gives to its elements is not that variable.
func (p *Program) Uses(name string) bool { return slices.Contains(p.names, name) }

// Members lists the members of a variable that the expression names; false where
// it also uses the variable in another way, so that it needs all of it. Whatever
// else the variable has makes no difference to the result.
func (p *Program) Members(name string) ([]string, bool) {
	list, ok := p.members[name]
	return list, ok
}

// Opposite reports whether one of the two is X and the other !(X), compared as
// parsed. It does not know that x > 1 is the opposite of x <= 1.
func Opposite(a, b *Program) bool {
	return a.negated != "" && a.negated == b.normal || b.negated != "" && b.negated == a.normal
}
