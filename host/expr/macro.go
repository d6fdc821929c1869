package expr

// The macros that cel-go has only together with its own evaluator's functions:
// loops with two variables, cel.bind, optMap, sortBy, math.greatest.

import (
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

// mapInsert adds members to the object that a loop builds. Not to be written.
const mapInsert = "cel.@mapInsert"

// Names that an author cannot write.
const (
	noVariable = "#unused"
	targetName = "@target"
)

func macros() []parser.Macro {
	m := append([]parser.Macro{}, parser.AllMacros...)
	for _, name := range []string{"all", "exists", "exists_one", "existsOne"} {
		m = append(m, parser.NewReceiverMacro(name, 3, quantifier(name)))
	}
	for _, n := range []int{3, 4} {
		m = append(m,
			parser.NewReceiverMacro("transformList", n, transform(func(h parser.ExprHelper, _ string, x ast.Expr) ast.Expr {
				return h.NewCall(operators.Add, h.NewAccuIdent(), h.NewList(x))
			})),
			parser.NewReceiverMacro("transformMap", n, transform(func(h parser.ExprHelper, key string, x ast.Expr) ast.Expr {
				return h.NewCall(mapInsert, h.NewAccuIdent(), h.NewIdent(key), x)
			})),
			parser.NewReceiverMacro("transformMapEntry", n, transform(func(h parser.ExprHelper, _ string, x ast.Expr) ast.Expr {
				return h.NewCall(mapInsert, h.NewAccuIdent(), x)
			})))
	}
	return append(m,
		parser.NewReceiverMacro("optMap", 2, optMap(true)),
		parser.NewReceiverMacro("optFlatMap", 2, optMap(false)),
		parser.NewReceiverMacro("bind", 3, bind),
		parser.NewReceiverMacro("sortBy", 2, expandSortBy),
		parser.NewReceiverVarArgMacro("greatest", extremeOf(mathGreatest)),
		parser.NewReceiverVarArgMacro("least", extremeOf(mathLeast)))
}

// macroNames are the macros' names as an author writes them.
func macroNames() []string {
	return []string{
		"has", "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap",
		"transformMapEntry", "optMap", "optFlatMap", "cel.bind", "sortBy", "math.greatest", "math.least",
	}
}

// name reads an argument that must be a name of the author's.
func name(h parser.ExprHelper, e ast.Expr) (string, *common.Error) {
	if e.Kind() != ast.IdentKind {
		return "", h.NewError(e.ID(), "argument must be a simple name")
	}
	if s := e.AsIdent(); s != h.AccuIdentName() && s != parser.AccumulatorName {
		return s, nil
	}
	return "", h.NewError(e.ID(), "iteration variable overwrites accumulator variable")
}

func twoNames(h parser.ExprHelper, args []ast.Expr) (string, string, *common.Error) {
	first, err := name(h, args[0])
	if err != nil {
		return "", "", err
	}
	second, err := name(h, args[1])
	if err == nil && first == second {
		err = h.NewError(args[1].ID(), "the two variables have the same name: "+first)
	}
	return first, second, err
}

func quantifier(kind string) parser.MacroExpander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		first, second, err := twoNames(h, args)
		if err != nil {
			return nil, err
		}
		var init, more, step, last ast.Expr
		switch kind {
		case "all":
			init, last = h.NewLiteral(types.True), h.NewAccuIdent()
			more = h.NewCall(operators.NotStrictlyFalse, h.NewAccuIdent())
			step = h.NewCall(operators.LogicalAnd, h.NewAccuIdent(), args[2])
		case "exists":
			init, last = h.NewLiteral(types.False), h.NewAccuIdent()
			more = h.NewCall(operators.NotStrictlyFalse, h.NewCall(operators.LogicalNot, h.NewAccuIdent()))
			step = h.NewCall(operators.LogicalOr, h.NewAccuIdent(), args[2])
		default:
			init, more = h.NewLiteral(types.Int(0)), h.NewLiteral(types.True)
			step = h.NewCall(operators.Conditional, args[2],
				h.NewCall(operators.Add, h.NewAccuIdent(), h.NewLiteral(types.Int(1))), h.NewAccuIdent())
			last = h.NewCall(operators.Equals, h.NewAccuIdent(), h.NewLiteral(types.Int(1)))
		}
		return h.NewComprehensionTwoVar(target, first, second, h.AccuIdentName(), init, more, step, last), nil
	}
}

// transform is a macro (k, v, [filter,] x) that builds a list or an object.
func transform(add func(h parser.ExprHelper, key string, x ast.Expr) ast.Expr) parser.MacroExpander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		first, second, err := twoNames(h, args)
		if err != nil {
			return nil, err
		}
		step := add(h, first, args[len(args)-1])
		init := h.NewMap()
		if step.AsCall().FunctionName() == operators.Add {
			init = h.NewList()
		}
		if len(args) == 4 {
			step = h.NewCall(operators.Conditional, args[2], step, h.NewAccuIdent())
		}
		return h.NewComprehensionTwoVar(target, first, second, h.AccuIdentName(),
			init, h.NewLiteral(types.True), step, h.NewAccuIdent()), nil
	}
}

// let makes a name for a value: a loop over nothing, as cel-go does it too.
func let(h parser.ExprHelper, name string, value, body ast.Expr) ast.Expr {
	return h.NewComprehension(h.NewList(), noVariable, name, value, h.NewLiteral(types.False), h.NewIdent(name), body)
}

func bind(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if target.Kind() != ast.IdentKind || target.AsIdent() != "cel" {
		return nil, nil
	}
	n, err := name(h, args[0])
	if err != nil {
		return nil, err
	}
	return let(h, n, args[1], args[2]), nil
}

func optMap(wrap bool) parser.MacroExpander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		n, err := name(h, args[0])
		if err != nil {
			return nil, err
		}
		body := let(h, n, h.NewMemberCall("value", h.NewIdent(targetName)), args[1])
		if wrap {
			body = h.NewCall("optional.of", body)
		}
		return let(h, targetName, target, h.NewCall(operators.Conditional,
			h.NewMemberCall("hasValue", h.NewIdent(targetName)), body, h.NewCall("optional.none"))), nil
	}
}

func expandSortBy(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if _, err := name(h, args[0]); err != nil {
		return nil, err
	}
	keys, err := parser.MakeMap(h, h.NewIdent(targetName), args)
	if err != nil {
		return nil, err
	}
	return let(h, targetName, target, h.NewMemberCall(sortByKeys, h.NewIdent(targetName), keys)), nil
}

// extremeOf is math.greatest(a, b, …) or math.greatest(list).
func extremeOf(function string) parser.MacroExpander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		switch {
		case target.Kind() != ast.IdentKind || target.AsIdent() != "math":
			return nil, nil
		case len(args) == 0:
			return nil, h.NewError(target.ID(), "at least one argument is needed")
		case len(args) > 1 || args[0].Kind() == ast.LiteralKind:
			return h.NewCall(function, h.NewList(args...)), nil
		}
		return h.NewCall(function, args[0]), nil
	}
}
