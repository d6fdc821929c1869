package expr

// From source to a Program: parse, make all numbers one, check, plan.

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

var sharedParser = sync.OnceValues(newParser)

func newParser() (*parser.Parser, error) {
	return parser.NewParser(
		parser.EnablePrattParser(true),
		parser.Macros(macros()...),
		parser.EnableOptionalSyntax(true),
		parser.PopulateMacroCalls(true),
		parser.MaxRecursionDepth(MaxNesting),
		parser.ExpressionSizeCodePointLimit(MaxLength),
		parser.ErrorReportingLimit(maxComplaints),
		parser.MaxExpressionNodeCount(MaxLength),
	)
}

// newChecker is the shared language with the variables of one Env.
func newChecker(l *language, variables []string) (*checker.Env, error) {
	env, err := checker.NewEnv(containers.DefaultContainer, typeNames{},
		checker.CrossTypeNumericComparisons(true), checker.ValidatedDeclarations(l.checker))
	if err != nil {
		return nil, err
	}
	for _, v := range variables {
		if err := env.AddIdents(decls.NewVariable(v, types.DynType)); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// Compile reads an expression and checks what can be known without a document:
// its syntax, the names it uses, the types of its constants, and, where it uses
// no variable at all, that it succeeds.
//
// An error is a *[SyntaxError] with the first complaint, which holds the others;
// or it is one of this package and not about src.
func (e *Env) Compile(src string) (*Program, error) {
	return e.compile(src, false)
}

// CompileCondition is Compile for an expression that must be true or false:
// one whose type is known and another is refused.
func (e *Env) CompileCondition(src string) (*Program, error) {
	return e.compile(src, true)
}

func (e *Env) compile(src string, condition bool) (*Program, error) {
	if len(src) > MaxLength {
		return nil, &SyntaxError{
			Line: 1, Column: 1,
			Text: fmt.Sprintf("the expression is %d bytes long; at most %d are allowed", len(src), MaxLength),
		}
	}
	if !utf8.ValidString(src) {
		return nil, &SyntaxError{Line: 1, Column: 1, Text: "the expression is not valid UTF-8"}
	}
	lang, err := shared()
	if err != nil {
		return nil, fmt.Errorf("preparing the language of expressions: %w", err)
	}
	parse, err := sharedParser()
	if err != nil {
		return nil, fmt.Errorf("preparing the parser of expressions: %w", err)
	}
	check, err := e.checker(lang)
	if err != nil {
		return nil, fmt.Errorf("preparing the variables of expressions: %w", err)
	}

	source := common.NewTextSource(src)
	tree, errs := parse.Parse(source)
	c := &compilation{env: e, lang: lang, source: source, tree: tree}
	if list := errs.GetErrors(); len(list) > 0 {
		return nil, c.explain(list)
	}
	plainZeros(tree)
	p := &Program{source: src}
	if err := p.normalise(tree); err != nil {
		return nil, &SyntaxError{Line: 1, Column: 1, Text: err.Error()}
	}
	if n := names(tree.Expr()); n > MaxNames { // the checker takes long for deep types
		return nil, &SyntaxError{
			Line: 1, Column: 1,
			Text: fmt.Sprintf("the expression nests loops and cel.bind %d deep; at most %d are allowed", n, MaxNames),
		}
	}
	literals := oneNumber(tree)
	checked, errs := checker.Check(tree, source, check)
	if list := errs.GetErrors(); len(list) > 0 {
		return nil, c.explain(list)
	}
	return c.plan(p, checked, literals, condition)
}

// names is how deep loops and cel.bind are nested.
func names(e ast.Expr) int {
	deepest := 0
	see := func(parts ...ast.Expr) {
		for _, p := range parts {
			deepest = max(deepest, names(p))
		}
	}
	switch e.Kind() { //nolint:exhaustive // the others have no parts
	case ast.SelectKind:
		see(e.AsSelect().Operand())
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			see(c.Target())
		}
		see(c.Args()...)
	case ast.ListKind:
		see(e.AsList().Elements()...)
	case ast.MapKind:
		for _, m := range e.AsMap().Entries() {
			see(m.AsMapEntry().Key(), m.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		see(c.IterRange(), c.AccuInit(), c.LoopStep(), c.Result())
		deepest++
	}
	return deepest
}

// oneNumber makes all number literals the checker's one kind of number, and
// returns their values by expression.
func oneNumber(tree *ast.AST) map[int64]any {
	literals := map[int64]any{}
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.LiteralKind {
			return
		}
		var text string
		switch v := e.AsLiteral().(type) {
		case types.Int:
			text = strconv.FormatInt(int64(v), 10)
		case types.Uint:
			text = strconv.FormatUint(uint64(v), 10)
		case types.Double:
			text = strconv.FormatFloat(float64(v), 'g', -1, 64)
		default:
			return
		}
		// A literal that is no number (1e999) fails where it is used.
		literals[e.ID()] = json.Number(text)
		if f, b, err := parseNumber(text); err == nil && b != nil {
			literals[e.ID()] = b
		} else if err == nil {
			literals[e.ID()] = f
		}
		e.SetKindCase(factory.NewLiteral(e.ID(), types.IntZero))
	}))
	return literals
}

// normalise makes the texts by which expressions are compared, before the check
// changes the tree.
func (p *Program) normalise(tree *ast.AST) error {
	var err error
	if p.normal, err = parser.Unparse(tree.Expr(), tree.SourceInfo(), parser.EscapeIdentifiers(true)); err != nil {
		return fmt.Errorf("the expression has no normal form: %w", err)
	}
	if e := tree.Expr(); e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalNot {
		if p.negated, err = parser.Unparse(e.AsCall().Args()[0], tree.SourceInfo(), parser.EscapeIdentifiers(true)); err != nil {
			return fmt.Errorf("the expression has no normal form: %w", err)
		}
	}
	return nil
}

// plainZeros writes the negation of the integer zero as the zero that it is. The
// unparser would write it as -0, which is read back as the literal 0, whose text
// is another: the same expression would have two normal forms.
func plainZeros(tree *ast.AST) {
	factory := ast.NewExprFactory()
	plain := ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Negate || len(e.AsCall().Args()) != 1 {
			return
		}
		if arg := e.AsCall().Args()[0]; arg.Kind() == ast.LiteralKind && arg.AsLiteral() == types.IntZero {
			e.SetKindCase(factory.NewLiteral(e.ID(), types.IntZero))
		}
	})
	ast.PostOrderVisit(tree.Expr(), plain) // -(-(0)): the inner one first
	for _, call := range tree.SourceInfo().MacroCalls() {
		ast.PostOrderVisit(call, plain)
	}
}

// compilation is what complaints need to know.
type compilation struct {
	env    *Env
	lang   *language
	source common.Source
	tree   *ast.AST
}

func (c *compilation) plan(p *Program, tree *ast.AST, literals map[int64]any, condition bool) (*Program, error) {
	pl := &planner{lang: c.lang, info: tree.SourceInfo(), literals: literals, known: c.env.known, slots: map[string]int{}, members: map[string][]string{}, whole: map[string]bool{}}
	p.root = pl.plan(tree.Expr())
	p.names = pl.names
	for name := range pl.whole {
		delete(pl.members, name)
	}
	p.members = pl.members
	p.slots, p.ways = len(p.names)+pl.next, pl.ways
	for _, slot := range pl.locals {
		*slot += len(p.names)
	}
	if v, ok := p.root.(*variable); ok {
		p.whole = p.names[v.slot]
	}
	if text := unfit(tree.GetType(tree.Expr().ID()), condition); text != "" {
		pl.problems = append(pl.problems, problem{id: tree.Expr().ID(), text: text})
	}
	if len(pl.problems) == 0 && len(p.names) == 0 {
		if s := c.constant(p, tree); s != nil {
			return nil, s
		}
	}
	if len(pl.problems) > 0 {
		all := make([]*SyntaxError, len(pl.problems))
		for i, q := range pl.problems {
			all[i] = c.at(tree.SourceInfo().GetStartLocation(q.id), q.text, q.hint)
		}
		return nil, first(all)
	}
	return p, nil
}

// constant complains about an expression without variables that fails.
func (c *compilation) constant(p *Program, tree *ast.AST) *SyntaxError {
	f := enter(context.Background(), p, nil, MaxCost)
	defer f.leave()
	_, err := f.result(p.root)
	place := tree.SourceInfo().GetStartLocation(tree.Expr().ID())
	switch e := err.(type) { //nolint:errorlint // made here and never wrapped
	case nil:
		return nil
	case *fault:
		if e.line > 0 {
			place = common.NewLocation(e.line, e.column-1)
		}
		e.line = 0 // the complaint has it already
		return c.at(place, "the expression always fails: "+e.Error(), "")
	default:
		return c.at(place, "the expression always "+e.Error(), "")
	}
}

// unfit says why a result of a type that is known cannot be used.
func unfit(t *types.Type, condition bool) string {
	name := oneKind(checker.FormatCELType(t))
	switch t.Kind() { //nolint:exhaustive // the others are values of JSON
	case types.DynKind, types.TypeParamKind, types.BoolKind:
		return ""
	case types.TimestampKind, types.DurationKind, types.BytesKind:
		return fmt.Sprintf("the result is a value of type %s, which JSON has not; string(…) makes a string of it", name)
	case types.TypeKind:
		return "the result is a type, which is not a JSON value"
	case types.OpaqueKind:
		if condition {
			return "a condition must be true or false; this one is an optional value, to be given a default with .orValue(false)"
		}
		return ""
	}
	if condition {
		return "a condition must be true or false; this one is of type " + name
	}
	return ""
}

func (c *compilation) at(l common.Location, text, hint string) *SyntaxError {
	s := &SyntaxError{Line: l.Line(), Column: l.Column() + 1, Text: text, Hint: hint}
	s.Line, s.Column = max(s.Line, 1), max(s.Column, 1)
	return s
}

// quoted is the first text between ' and ' in a message of cel-go's.
func quoted(s string) string {
	_, s, _ = strings.Cut(s, "'")
	s, _, _ = strings.Cut(s, "'")
	return s
}
