package expr

// Functions over lists and sets.

import (
	"slices"

	"cel.dev/cel-go/common/types"
)

var listTable = []function{
	{"slice", sliceList, []signature{method(tList, tList, tNumber, tNumber)}},
	{"flatten", flatten, []signature{
		method(types.NewListType(tAny), types.NewListType(tAny)),
		method(types.NewListType(tAny), types.NewListType(tAny), tNumber),
	}},
	{"distinct", distinct, []signature{method(tList, tList)}},
	{"reverse", reverse, []signature{method(tList, tList), method(tString, tString)}},
	{"sort", sortList, []signature{method(tList, tList)}},
	{sortByKeys, sortBy, []signature{method(tList, tList, types.NewListType(tAny))}},
	{"lists.range", rangeList, []signature{calls(tNumbers, tNumber)}},
	{
		"first", func(_ *frame, a []any) (any, error) { return end("first", a[0], false) },
		[]signature{method(tOptional, tList)},
	},
	{
		"last", func(_ *frame, a []any) (any, error) { return end("last", a[0], true) },
		[]signature{method(tOptional, tList)},
	},
	{"sum", sum, []signature{method(tNumber, tNumbers)}},
	{"min", least("min", -1), []signature{method(tA, tList)}},
	{"max", least("max", 1), []signature{method(tA, tList)}},
	{"optional.unwrap", unwrap, []signature{calls(tList, types.NewListType(tOptional))}},
	{"unwrapOpt", unwrap, []signature{method(tList, types.NewListType(tOptional))}},
	{"sets.contains", setContains, []signature{calls(tBool, tList, tList)}},
	{"sets.equivalent", setEquivalent, []signature{calls(tBool, tList, tList)}},
	{"sets.intersects", setIntersects, []signature{calls(tBool, tList, tList)}},
}

func asList(name string, v any) ([]any, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, failf("%s needs a list, found %s", name, describe(v))
	}
	return l, nil
}

func sliceList(f *frame, a []any) (any, error) {
	l, err := asList("slice", a[0])
	if err != nil {
		return nil, err
	}
	from, err := f.integer(a[1], "the start")
	if err != nil {
		return nil, err
	}
	to, err := f.integer(a[2], "the end")
	if err != nil {
		return nil, err
	}
	if from < 0 || to < from || to > len(l) {
		return nil, failf("slice(%d, %d) is out of range: the list has %d elements", from, to, len(l))
	}
	return l[from:to:to], nil
}

func flatten(f *frame, a []any) (any, error) {
	l, err := asList("flatten", a[0])
	if err != nil {
		return nil, err
	}
	depth := 1
	if len(a) > 1 {
		if depth, err = f.integer(a[1], "the depth"); err != nil {
			return nil, err
		}
		if depth < 0 {
			return nil, failf("the depth %d is negative", depth)
		}
	}
	items := []any{}
	var add func(l []any, depth int) error
	add = func(l []any, depth int) error {
		for _, v := range l {
			if err := f.spend(1); err != nil {
				return err
			}
			if inner, ok := v.([]any); ok && depth > 0 {
				if err := add(inner, depth-1); err != nil {
					return err
				}
				continue
			}
			if err := f.build(2 * 16); err != nil {
				return err
			}
			items = append(items, v)
		}
		return nil
	}
	return items, add(l, depth)
}

func distinct(f *frame, a []any) (any, error) {
	l, err := asList("distinct", a[0])
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, v := range l {
		seen, err := contained(f, []any{v, items})
		if err != nil {
			return nil, err
		}
		if seen == true {
			continue
		}
		if err := f.build(2 * 16); err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

func reverse(f *frame, a []any) (any, error) {
	if s, ok := a[0].(string); ok {
		if err := f.build(5 * len(s)); err != nil { // as runes, and as text
			return nil, err
		}
		runes := []rune(s)
		slices.Reverse(runes)
		return string(runes), nil
	}
	l, err := asList("reverse", a[0])
	if err != nil {
		return nil, err
	}
	if err := f.build(16 * len(l)); err != nil {
		return nil, err
	}
	items := slices.Clone(l)
	slices.Reverse(items)
	return items, nil
}

func sortList(f *frame, a []any) (any, error) {
	l, err := asList("sort", a[0])
	if err != nil {
		return nil, err
	}
	return f.sorted(l, l)
}

// sortByKeys is what the macro sortBy calls: the list and a key for each.
const sortByKeys = "@sortByAssociatedKeys"

func sortBy(f *frame, a []any) (any, error) {
	l, err := asList("sortBy", a[0])
	if err != nil {
		return nil, err
	}
	keys, err := asList("sortBy", a[1])
	if err != nil {
		return nil, err
	}
	return f.sorted(l, keys)
}

// sorted orders a list by keys, stably; all keys must be of one type that has
// an order.
func (f *frame) sorted(l, keys []any) (any, error) {
	if len(l) != len(keys) {
		return nil, failf("sortBy needs a key for each element")
	}
	if err := f.build((16 + 8) * len(l)); err != nil {
		return nil, err
	}
	for _, k := range keys { // a list of one has its type checked too
		if _, err := f.compare(keys[0], k); err != nil {
			return nil, err
		}
	}
	order := make([]int, len(l))
	for i := range order {
		order[i] = i
	}
	var failure error
	slices.SortStableFunc(order, func(i, j int) int {
		if failure != nil {
			return 0
		}
		if failure = f.spend(1); failure != nil {
			return 0
		}
		c, err := f.compare(keys[i], keys[j])
		failure = err
		return c
	})
	if failure != nil {
		return nil, failure
	}
	items := make([]any, len(l))
	for i, p := range order {
		items[i] = l[p]
	}
	return items, nil
}

// maxRange is how long a lists.range can be.
const maxRange = 1_000_000

func rangeList(f *frame, a []any) (any, error) {
	n, err := f.integer(a[0], "the length")
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxRange {
		return nil, failf("lists.range(%d) is out of range: at most %d", n, maxRange)
	}
	if err := f.build((16 + 8) * n); err != nil {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		items[i] = float64(i)
	}
	return items, nil
}

func end(name string, v any, last bool) (any, error) {
	l, err := asList(name, v)
	switch {
	case err != nil:
		return nil, err
	case len(l) == 0:
		return none, nil
	case last:
		return &optional{l[len(l)-1], true}, nil
	}
	return &optional{l[0], true}, nil
}

func sum(f *frame, a []any) (any, error) {
	l, err := asList("sum", a[0])
	if err != nil {
		return nil, err
	}
	var total any = 0.0
	for _, v := range l {
		if err := f.spend(1); err != nil {
			return nil, err
		}
		if typeOf(v) != typeNumber {
			return nil, failf("sum needs a list of numbers, found %s in it", describe(v))
		}
		if total, err = f.calculate('+', total, v); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// least is the first of the smallest (sign -1) or largest (1) elements.
func least(name string, sign int) func(f *frame, a []any) (any, error) {
	return func(f *frame, a []any) (any, error) {
		l, err := asList(name, a[0])
		if err != nil {
			return nil, err
		}
		if len(l) == 0 {
			return nil, failf("%s of an empty list", name)
		}
		best := l[0]
		for _, v := range l { // the first too, so that its type is checked
			if err := f.spend(1); err != nil {
				return nil, err
			}
			c, err := f.compare(v, best)
			if err != nil {
				return nil, err
			}
			if c*sign > 0 {
				best = v
			}
		}
		return best, nil
	}
}

func unwrap(f *frame, a []any) (any, error) {
	l, err := asList("unwrap", a[0])
	if err != nil {
		return nil, err
	}
	if err := f.build(16 * len(l)); err != nil {
		return nil, err
	}
	items := make([]any, 0, len(l))
	for _, v := range l {
		o, ok := v.(*optional)
		if !ok {
			return nil, failf("unwrap needs a list of optional values, found %s in it", describe(v))
		}
		if o.present {
			items = append(items, o.value)
		}
	}
	return items, nil
}

// setContains: every element of the second list is in the first.
func setContains(f *frame, a []any) (any, error) {
	if _, err := asList("sets.contains", a[0]); err != nil {
		return nil, err
	}
	sub, err := asList("sets.contains", a[1])
	if err != nil {
		return nil, err
	}
	for _, v := range sub {
		in, err := contained(f, []any{v, a[0]})
		if in != true || err != nil {
			return false, err
		}
	}
	return true, nil
}

func setEquivalent(f *frame, a []any) (any, error) {
	in, err := setContains(f, a)
	if in != true || err != nil {
		return false, err
	}
	return setContains(f, []any{a[1], a[0]})
}

func setIntersects(f *frame, a []any) (any, error) {
	l, err := asList("sets.intersects", a[0])
	if err != nil {
		return nil, err
	}
	if _, err := asList("sets.intersects", a[1]); err != nil {
		return nil, err
	}
	for _, v := range l {
		in, err := contained(f, []any{v, a[1]})
		if in == true || err != nil {
			return in, err
		}
	}
	return false, nil
}
