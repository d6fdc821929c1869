package expr

// From the checked tree of cel-go to nodes.

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// foldCost is what one constant part of an expression may cost to work out when
// it is compiled; a costlier one is worked out at each evaluation.
const foldCost = 10_000

// planner makes the nodes of one expression.
type planner struct {
	lang     *language
	info     *ast.SourceInfo
	literals map[int64]any // what a number literal was before the check
	known    map[string]bool
	names    []string       // variables used, in order of their slots
	slots    map[string]int // of the variables used
	picked   string         // the member that is picked from the name planned next
	members  map[string][]string
	whole    map[string]bool // variables that are used otherwise
	scopes   []scope         // of the loops around, innermost last
	loops    int
	next     int // slots of loops, counted from 0; moved behind the variables'
	ways     int
	locals   []*int
	problems []problem
}

type scope struct {
	name string
	slot int
}

// problem is a complaint at a part of the expression.
type problem struct {
	id         int64
	text, hint string
}

func (p *planner) complain(id int64, format string, args ...any) node {
	p.problems = append(p.problems, problem{id: id, text: fmt.Sprintf(format, args...)})
	return &constant{}
}

// fixed is a node whose parts are all constants, worked out once.
func fixed(n node, parts ...node) node {
	for _, x := range parts {
		if _, ok := x.(*constant); !ok {
			return n
		}
	}
	f := enter(context.Background(), &Program{}, nil, foldCost)
	defer f.leave()
	f.memory = foldCost * bytesPerUnit
	v, err := n.eval(f)
	if err != nil {
		return n // it fails where it is evaluated, if it is
	}
	return &constant{v}
}

func (p *planner) plan(e ast.Expr) node {
	switch e.Kind() { //nolint:exhaustive // the others cannot be evaluated
	case ast.LiteralKind:
		return &constant{p.literal(e)}
	case ast.IdentKind:
		return p.ident(e.ID(), e.AsIdent())
	case ast.SelectKind:
		s := e.AsSelect()
		if s.Operand().Kind() == ast.IdentKind {
			p.picked = s.FieldName()
		}
		place := p.info.GetStartLocation(e.ID())
		n := &field{x: p.plan(s.Operand()), name: s.FieldName(), path: path(s.Operand()), line: place.Line(), column: place.Column() + 1}
		n.way = p.way(n)
		if s.IsTestOnly() {
			n.mode = test
		}
		return fixed(n, n.x)
	case ast.CallKind:
		return p.call(e)
	case ast.ListKind:
		return p.list(e.AsList())
	case ast.MapKind:
		return p.object(e.AsMap())
	case ast.ComprehensionKind:
		return p.loop(e)
	}
	return p.complain(e.ID(), "objects are written as {\"key\": value}")
}

func (p *planner) literal(e ast.Expr) any {
	if v, ok := p.literals[e.ID()]; ok {
		return v
	}
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		return bool(v)
	case types.String:
		return string(v)
	case types.Bytes:
		return []byte(v)
	}
	return nil
}

func (p *planner) ident(id int64, name string) node {
	picked := p.picked
	p.picked = ""
	// The checker puts a dot before a variable's name where a loop's hides it.
	global := strings.HasPrefix(name, ".")
	name = strings.TrimPrefix(name, ".")
	if !global {
		for _, v := range slices.Backward(p.scopes) {
			if v.name == name {
				return p.local(v.slot)
			}
		}
	}
	if p.known[name] {
		slot, ok := p.slots[name]
		if !ok {
			slot = len(p.names)
			p.slots[name] = slot
			p.names = append(p.names, name)
		}
		if picked == "" {
			p.whole[name] = true
		} else if !slices.Contains(p.members[name], picked) {
			p.members[name] = append(p.members[name], picked)
		}
		return &variable{slot}
	}
	if t, ok := namedTypes[name]; ok {
		return &constant{t.value}
	}
	return p.complain(id, "%q is not known", name)
}

// local reads a loop's variable. Its slot is moved once all variables are known.
func (p *planner) local(slot int) node {
	n := &local{slot}
	p.locals = append(p.locals, &n.slot)
	return n
}

func (p *planner) call(e ast.Expr) node {
	c := e.AsCall()
	var args []node
	if c.IsMemberFunction() {
		args = append(args, p.plan(c.Target()))
	}
	for _, a := range c.Args() {
		args = append(args, p.plan(a))
	}
	n := p.operator(c.FunctionName(), args)
	if f, ok := n.(*field); ok {
		f.way = p.way(f)
	}
	if n == nil {
		do, ok := p.lang.functions[c.FunctionName()]
		if !ok {
			return p.complain(e.ID(), "%s cannot be called", c.FunctionName())
		}
		n = &call{name: c.FunctionName(), args: args, do: do}
		if s, ok := constantText(args, 1); ok && c.FunctionName() == "matches" {
			re, size, err := pattern(s)
			if err != nil {
				return p.complain(e.ID(), "%v", err)
			}
			n = &patternNode{args[0], re, size}
		}
	}
	place := p.info.GetStartLocation(e.ID())
	return fixed(&placed{n, place.Line(), place.Column() + 1}, args...)
}

// path is an expression that is a plain path, as it is written; else "".
func path(e ast.Expr) string {
	switch e.Kind() { //nolint:exhaustive // the others are no path
	case ast.IdentKind:
		if s := e.AsIdent(); !strings.ContainsAny(s, "@#") {
			return s
		}
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() {
			if p := path(s.Operand()); p != "" {
				return p + "." + s.FieldName()
			}
		}
	}
	return ""
}

func constantText(args []node, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	c, ok := args[i].(*constant)
	if !ok {
		return "", false
	}
	s, ok := c.value.(string)
	return s, ok
}

// operator is the node of an operator, nil for other functions. The checker has
// seen to the number of arguments.
func (p *planner) operator(name string, a []node) node {
	switch name {
	case operators.LogicalAnd:
		return &and{a[0], a[1]}
	case operators.LogicalOr:
		return &or{a[0], a[1]}
	case operators.LogicalNot:
		return &not{a[0]}
	case operators.Negate:
		return &negative{a[0]}
	case operators.Conditional:
		return &conditional{a[0], a[1], a[2]}
	case operators.NotStrictlyFalse:
		return &notFalse{a[0]}
	case operators.Equals, operators.NotEquals:
		return &equality{a[0], a[1], name == operators.NotEquals}
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		op, _ := operators.FindReverse(name)
		return &comparison{a[0], a[1], op}
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo:
		return &calculation{a[0], a[1], name[1]}
	case operators.Index:
		return &element{x: a[0], i: a[1]}
	case operators.OptIndex:
		return &element{x: a[0], i: a[1], mode: maybe}
	case operators.OptSelect:
		key, _ := constantText(a, 1)
		return &field{x: a[0], name: key, mode: maybe}
	case "or", "orValue":
		return &orElse{a[0], a[1], name == "orValue"}
	}
	return nil
}

func (p *planner) list(l ast.ListExpr) node {
	n := &list{}
	for _, e := range l.Elements() {
		n.items = append(n.items, p.plan(e))
	}
	if len(l.OptionalIndices()) > 0 {
		n.optional = make([]bool, len(n.items))
		for _, i := range l.OptionalIndices() {
			n.optional[i] = true
		}
	}
	return fixed(n, n.items...)
}

func (p *planner) object(m ast.MapExpr) node {
	n := &object{optional: make([]bool, m.Size())}
	for i, entry := range m.Entries() {
		e := entry.AsMapEntry()
		n.keys = append(n.keys, p.plan(e.Key()))
		n.values = append(n.values, p.plan(e.Value()))
		n.optional[i] = e.IsOptional()
		if c, ok := n.keys[i].(*constant); ok {
			if _, ok := c.value.(string); !ok {
				p.complain(e.Key().ID(), "the key of an object must be a string, found %s", describe(c.value))
			}
		}
	}
	return fixed(n, append(append([]node{}, n.keys...), n.values...)...)
}

// open gives a loop's variable a slot.
func (p *planner) open(name string) int {
	p.scopes = append(p.scopes, scope{name, p.next})
	p.next++
	return p.next - 1
}

func (p *planner) close(n int) { p.scopes = p.scopes[:len(p.scopes)-n] }

func (p *planner) loop(e ast.Expr) node {
	c := e.AsComprehension()
	if c.IterVar() == noVariable {
		n := &binding{value: p.plan(c.AccuInit())}
		n.slot = p.open(c.AccuVar())
		p.locals = append(p.locals, &n.slot)
		n.body = p.plan(c.Result())
		p.close(1)
		return n
	}
	if p.loops++; p.loops > MaxLoops {
		p.loops--
		return p.complain(e.ID(), "loops (map, filter, all …) are nested more than %d deep", MaxLoops)
	}
	defer func() { p.loops-- }()
	over, init := p.plan(c.IterRange()), p.plan(c.AccuInit())
	accumulator := p.open(c.AccuVar())
	l := loop{over: over, first: p.open(c.IterVar()), second: -1}
	opened := 2
	if c.HasIterVar2() {
		l.second = p.open(c.IterVar2())
		opened = 3
	}
	n := p.builder(c, l)
	if n == nil {
		f := &fold{loop: l, slot: accumulator, init: init}
		f.more, f.step = p.plan(c.LoopCondition()), p.plan(c.LoopStep())
		p.close(opened - 1)
		f.last = p.plan(c.Result())
		p.close(1)
		p.locals = append(p.locals, &f.slot)
		p.move(&f.loop)
		return f
	}
	p.close(opened)
	return n
}

// move has a loop's slots moved behind those of the variables.
func (p *planner) move(l *loop) {
	p.locals = append(p.locals, &l.first)
	if l.second >= 0 {
		p.locals = append(p.locals, &l.second)
	}
}

// builder recognises the loops that build a list or an object step by step, so
// that they do not copy what they have at each step.
func (p *planner) builder(c ast.ComprehensionExpr, l loop) node {
	is := func(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == c.AccuVar() }
	if !strings.HasPrefix(c.AccuVar(), "@") || !is(c.Result()) || c.LoopStep().Kind() != ast.CallKind {
		return nil
	}
	step := c.LoopStep().AsCall()
	var filter ast.Expr
	if step.FunctionName() == operators.Conditional && step.Args()[1].Kind() == ast.CallKind && is(step.Args()[2]) {
		filter, step = step.Args()[0], step.Args()[1].AsCall()
	}
	a := step.Args()
	if len(a) < 2 || !is(a[0]) {
		return nil
	}
	keep := func() node {
		if filter == nil {
			return nil
		}
		return p.plan(filter)
	}
	switch step.FunctionName() {
	case operators.Add:
		if a[1].Kind() != ast.ListKind || a[1].AsList().Size() != 1 || c.AccuInit().Kind() != ast.ListKind {
			return nil
		}
		n := &listLoop{loop: l, keep: keep(), item: p.plan(a[1].AsList().Elements()[0])}
		p.move(&n.loop)
		return n
	case mapInsert:
		n := &objectLoop{loop: l, keep: keep(), value: p.plan(a[len(a)-1])}
		if len(a) == 3 {
			n.key = p.plan(a[1])
		}
		p.move(&n.loop)
		return n
	}
	return nil
}
