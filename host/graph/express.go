package graph

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/expr"
)

// place is where an expression stands; it decides what the expression sees.
type place int

const (
	inInput place = iota
	inForeachInput
	inForeach
	inWrite
	inForeachWrite
	inOutput
	inWhen
	places
)

// sees lists the variables of each place. What `run` gives is `run.input`.
var sees = [places][]string{
	inInput:        {"input", "inputs", "state", "run"},
	inForeachInput: {"input", "inputs", "state", "run", "item", "index"},
	inForeach:      {"input", "inputs", "state", "run"},
	inWrite:        {"input", "inputs", "state", "run", "output"},
	inForeachWrite: {"input", "inputs", "state", "run", "output"},
	inOutput:       {"output", "run", "state"},
	inWhen:         {"input", "output", "error", "state", "run"},
}

// compiled names a program that was made once and is shared.
type compiled struct {
	in   place
	text string
}

// maxExpressionBytes bounds one expression's text.
const maxExpressionBytes = 64 << 10

// expression compiles an expression for a place. It gives nil where none was
// written and, after a complaint, where it does not compile.
func (b *builder) expression(e Expression, in place, label string) *expr.Program {
	if e.Text == "" {
		if e.At.Line != 0 {
			b.complain(e.At, CodeBadExpression, label+": the expression is empty", "leave the key out")
		}
		return nil
	}
	if len(e.Text) > maxExpressionBytes {
		b.complain(e.At, CodeTooLarge, fmt.Sprintf("%s: the expression has %d bytes; at most %d are allowed", label, len(e.Text), maxExpressionBytes), "")
		return nil
	}
	key := compiled{in, e.Text}
	if p, ok := b.programs[key]; ok {
		return p
	}
	if b.envs[in] == nil {
		b.envs[in] = expr.NewEnv(sees[in]...)
	}
	compile := b.envs[in].Compile
	if in == inWhen {
		compile = b.envs[in].CompileCondition
	}
	p, err := compile(e.Text)
	if err != nil {
		b.badExpression(e, in, label, err)
		return nil
	}
	b.programs[key] = p
	return p
}

// badExpression translates what the compiler says to the graph's file.
func (b *builder) badExpression(e Expression, in place, label string, err error) {
	all := []*expr.SyntaxError{{Line: 1, Column: 1, Text: err.Error()}}
	if syntax, ok := errors.AsType[*expr.SyntaxError](err); ok {
		all = syntax.All()
	}
	for _, s := range all {
		hint := s.Hint
		if hint == "" {
			hint = "seen here: " + strings.Join(sees[in], ", ")
		}
		b.complain(e.Position(s.Line, s.Column), CodeBadExpression, label+": "+s.Text, hint)
	}
}
