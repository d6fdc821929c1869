package expr

// What an expression can call: the declarations that the type checker sees,
// each with the Go function that does it.

import (
	"strconv"
	"sync"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// The types of declarations. The checker knows the one kind of number as CEL's
// int, because that is what it gives to indices of its own accord.
var (
	tNumber   = types.IntType
	tString   = types.StringType
	tBool     = types.BoolType
	tAny      = types.DynType
	tTime     = types.TimestampType
	tDuration = types.DurationType
	tA        = types.NewTypeParamType("A")
	tB        = types.NewTypeParamType("B")
	tList     = types.NewListType(tA)
	tMap      = types.NewMapType(tA, tB)
	tOptional = types.NewOptionalType(tA)
	tStrings  = types.NewListType(tString)
	tNumbers  = types.NewListType(tNumber)
)

// function is everything of one name.
type function struct {
	name string
	do   func(f *frame, args []any) (any, error) // nil: the planner knows it
	is   []signature
}

type signature struct {
	method bool
	result *types.Type
	args   []*types.Type // of a method, the receiver first
}

func calls(result *types.Type, args ...*types.Type) signature {
	return signature{result: result, args: args}
}

func method(result *types.Type, args ...*types.Type) signature {
	return signature{method: true, result: result, args: args}
}

// ordered are the signatures of < <= > >=.
var ordered = []signature{
	calls(tBool, tNumber, tNumber), calls(tBool, tString, tString), calls(tBool, tBool, tBool),
	calls(tBool, tTime, tTime), calls(tBool, tDuration, tDuration),
}

// operatorTable is the operators. Both sides of ?: may have different types:
// null beside a number is everyday JSON.
var operatorTable = []function{
	{operators.Conditional, nil, []signature{calls(tAny, tBool, tAny, tAny)}},
	{operators.LogicalAnd, nil, []signature{calls(tBool, tBool, tBool)}},
	{operators.LogicalOr, nil, []signature{calls(tBool, tBool, tBool)}},
	{operators.LogicalNot, nil, []signature{calls(tBool, tBool)}},
	{operators.NotStrictlyFalse, nil, []signature{calls(tBool, tBool)}},
	{operators.Equals, nil, []signature{calls(tBool, tA, tA)}},
	{operators.NotEquals, nil, []signature{calls(tBool, tA, tA)}},
	{operators.Less, nil, ordered},
	{operators.LessEquals, nil, ordered},
	{operators.Greater, nil, ordered},
	{operators.GreaterEquals, nil, ordered},
	{operators.Add, nil, []signature{
		calls(tNumber, tNumber, tNumber), calls(tString, tString, tString), calls(tList, tList, tList),
		calls(tTime, tTime, tDuration), calls(tTime, tDuration, tTime), calls(tDuration, tDuration, tDuration),
	}},
	{operators.Subtract, nil, []signature{
		calls(tNumber, tNumber, tNumber), calls(tTime, tTime, tDuration),
		calls(tDuration, tTime, tTime), calls(tDuration, tDuration, tDuration),
	}},
	{operators.Multiply, nil, []signature{calls(tNumber, tNumber, tNumber)}},
	{operators.Divide, nil, []signature{calls(tNumber, tNumber, tNumber)}},
	{operators.Modulo, nil, []signature{calls(tNumber, tNumber, tNumber)}},
	{operators.Negate, nil, []signature{calls(tNumber, tNumber)}},
	{operators.In, contained, []signature{calls(tBool, tA, tList), calls(tBool, tA, tMap)}},
	{operators.Index, nil, []signature{
		calls(tA, tList, tNumber), calls(tB, tMap, tA),
		calls(tOptional, types.NewOptionalType(tList), tNumber),
		calls(types.NewOptionalType(tB), types.NewOptionalType(tMap), tA),
	}},
	{operators.OptIndex, nil, []signature{
		calls(tOptional, tList, tNumber), calls(types.NewOptionalType(tB), tMap, tA),
		calls(tOptional, types.NewOptionalType(tList), tNumber),
		calls(types.NewOptionalType(tB), types.NewOptionalType(tMap), tA),
	}},
	{operators.OptSelect, nil, []signature{calls(tOptional, tAny, tString)}},
	{mapInsert, nil, []signature{calls(tMap, tMap, tA, tB), calls(tMap, tMap, tMap)}},
	{"or", nil, []signature{method(tOptional, tOptional, tOptional)}},
	{"orValue", nil, []signature{method(tA, tOptional, tA)}},
}

// tables are all functions, by subject.
func tables() [][]function {
	return [][]function{operatorTable, basicTable, stringTable, listTable, mathTable, timeTable, formatTable}
}

// language is what all environments share: made once, at the first Compile.
type language struct {
	checker   *checker.Env
	functions map[string]func(f *frame, args []any) (any, error)
	names     []string // that an author may write, for suggestions
}

var shared = sync.OnceValues(newLanguage)

func newLanguage() (*language, error) {
	l := &language{functions: map[string]func(*frame, []any) (any, error){}}
	env, err := checker.NewEnv(containers.DefaultContainer, typeNames{}, checker.CrossTypeNumericComparisons(true))
	if err != nil {
		return nil, err
	}
	for _, table := range tables() {
		for _, fn := range table {
			var options []decls.FunctionOpt
			for i, s := range fn.is {
				id := fn.name + "#" + strconv.Itoa(i)
				if s.method {
					options = append(options, decls.MemberOverload(id, s.args, s.result))
				} else {
					options = append(options, decls.Overload(id, s.args, s.result))
				}
			}
			d, err := decls.NewFunction(fn.name, options...)
			if err != nil {
				return nil, err
			}
			if err := env.AddFunctions(d); err != nil {
				return nil, err
			}
			if fn.do != nil {
				l.functions[fn.name] = fn.do
			}
			if isWord(fn.name) {
				l.names = append(l.names, fn.name)
			}
		}
	}
	l.names = append(l.names, macroNames()...)
	l.checker = env
	return l, nil
}

// isWord reports whether a function's name is one that an author writes.
func isWord(s string) bool {
	for _, c := range s {
		if c != '.' && c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s[0] != '_' && s[len(s)-1] != '_'
}

// typeNames tells the checker the names of types, and that there are no others:
// no protocol buffers, no enumerations.
type typeNames struct{}

var namedTypes = map[string]struct {
	checked *types.Type
	value   typeValue
}{
	"bool":          {types.BoolType, typeBool},
	"bytes":         {types.BytesType, typeBytes},
	"double":        {types.IntType, typeNumber},
	"int":           {types.IntType, typeNumber},
	"uint":          {types.IntType, typeNumber},
	"list":          {types.NewListType(types.DynType), typeList},
	"map":           {types.NewMapType(types.DynType, types.DynType), typeMap},
	"null_type":     {types.NullType, typeNull},
	"string":        {types.StringType, typeString},
	"type":          {types.TypeType, typeType},
	"optional_type": {types.NewOptionalType(types.DynType), typeOptional},

	"google.protobuf.Timestamp": {types.TimestampType, typeTime},
	"google.protobuf.Duration":  {types.DurationType, typeDuration},
}

// FindIdent is the type of a name.
func (typeNames) FindIdent(name string) (ref.Val, bool) {
	t, ok := namedTypes[name]
	if !ok {
		return nil, false
	}
	return t.checked, true
}

// EnumValue is an error: there are no enumerations.
func (typeNames) EnumValue(name string) ref.Val {
	return types.NewErr("no such enumeration: %s", name)
}

// FindStructType finds none.
func (typeNames) FindStructType(string) (*types.Type, bool) { return nil, false }

// FindStructFieldNames finds none.
func (typeNames) FindStructFieldNames(string) ([]string, bool) { return nil, false }

// FindStructFieldType finds none.
func (typeNames) FindStructFieldType(_, _ string) (*types.FieldType, bool) { return nil, false }

// NewValue is an error: there are no types of objects.
func (typeNames) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("no such type: %s", name)
}
