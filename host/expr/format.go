package expr

// "…".format([…]): the clauses %s %d %f %e %b %o %x %X and %%.

import (
	"encoding/hex"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
)

var formatTable = []function{
	{"format", format, []signature{method(tString, tString, types.NewListType(tAny))}},
}

// maxPrecision is how many digits behind the point a clause may ask for.
const maxPrecision = 100

// maxShown is how deep a value may be that %s shows.
const maxShown = 100

func format(f *frame, a []any) (any, error) {
	if err := f.texts("format", a[0]); err != nil {
		return nil, err
	}
	args, err := asList("format", a[1])
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	rest, used := a[0].(string), 0
	for {
		plain, clause, found := strings.Cut(rest, "%")
		if err := f.build(2 * len(plain)); err != nil {
			return nil, err
		}
		out.WriteString(plain)
		if !found {
			return out.String(), nil
		}
		if strings.HasPrefix(clause, "%") {
			out.WriteByte('%')
			rest = clause[1:]
			continue
		}
		verb, precision, after, err := readClause(clause)
		if err != nil {
			return nil, err
		}
		if used >= len(args) {
			return nil, failf("format has more clauses than the list has elements, which is %d", len(args))
		}
		text, err := f.clause(verb, precision, args[used])
		if err != nil {
			return nil, err
		}
		if err := f.build(2*len(text) + 2); err != nil {
			return nil, err
		}
		out.WriteString(text)
		rest, used = after, used+1
	}
}

// readClause reads what follows a %: a precision, perhaps, and a letter.
func readClause(s string) (verb byte, precision int, rest string, err error) {
	precision = -1
	if strings.HasPrefix(s, ".") {
		end := 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(s[1:end])
		if err != nil || n > maxPrecision {
			return 0, 0, "", failf("format: the precision %%%s is not between 0 and %d", clip(s[:end]), maxPrecision)
		}
		precision, s = n, s[end:]
	}
	if s == "" {
		return 0, 0, "", failf("format: a clause has no end; %%%% makes a percent sign")
	}
	if strings.IndexByte("sdfeboxX", s[0]) < 0 {
		return 0, 0, "", failf("format: there is no clause %%%s; there are %%s %%d %%f %%e %%b %%o %%x %%X and %%%%", string([]rune(clip(s))[0]))
	}
	return s[0], precision, s[1:], nil
}

// clause is one value as its clause has it.
func (f *frame) clause(verb byte, precision int, v any) (string, error) {
	switch x := v.(type) {
	case bool:
		if verb == 'b' {
			return map[bool]string{true: "1", false: "0"}[x], nil
		}
	case string:
		if verb == 'x' || verb == 'X' {
			return hexadecimal(verb, []byte(x)), f.build(4 * len(x))
		}
	case []byte:
		if verb == 'x' || verb == 'X' {
			return hexadecimal(verb, x), f.build(4 * len(x))
		}
	}
	if verb == 's' {
		var out strings.Builder
		err := f.show(&out, v, 0)
		return out.String(), err
	}
	n, b, ok, err := f.number(v)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", failf("format: %%%c cannot show %s", verb, describe(v))
	}
	if verb == 'f' || verb == 'e' {
		if precision < 0 {
			precision = 6
		}
		if err := f.spend(20 + precision); err != nil {
			return "", err
		}
		if b != nil && verb == 'f' {
			return strings.TrimSuffix(b.String()+"."+strings.Repeat("0", precision), "."), nil
		}
		return strconv.FormatFloat(toFloat(n, b), verb, precision, 64), nil
	}
	whole := toBig(n, b)
	if whole == nil {
		return "", failf("format: %%%c needs a whole number, found %s", verb, formatFloat(n))
	}
	switch verb {
	case 'b':
		return whole.Text(2), nil
	case 'o':
		return whole.Text(8), nil
	case 'x':
		return whole.Text(16), nil
	case 'X':
		return strings.ToUpper(whole.Text(16)), nil
	}
	return whole.String(), nil
}

func hexadecimal(verb byte, b []byte) string {
	s := hex.EncodeToString(b)
	if verb == 'X' {
		return strings.ToUpper(s)
	}
	return s
}

// show writes a value for %s: strings in lists and objects stand without
// quotes, as CEL has it.
func (f *frame) show(out *strings.Builder, v any, depth int) error {
	if err := f.spend(8); err != nil {
		return err
	}
	if depth > maxShown {
		return failf("format: the value is nested more than %d deep", maxShown)
	}
	write := func(s string) error {
		out.WriteString(s)
		return f.build(2 * len(s))
	}
	switch x := v.(type) {
	case nil:
		return write("null")
	case typeValue:
		return write(string(x))
	case *optional:
		return failf("format: %%s cannot show %s", describe(v))
	case []any:
		if err := write("["); err != nil {
			return err
		}
		for i, e := range x {
			if i > 0 {
				if err := write(", "); err != nil {
					return err
				}
			}
			if err := f.show(out, e, depth+1); err != nil {
				return err
			}
		}
		return write("]")
	case map[string]any:
		keys, err := sortedKeys(f, x)
		if err != nil {
			return err
		}
		if err := write("{"); err != nil {
			return err
		}
		for i, k := range keys {
			if i > 0 {
				k = ", " + k
			}
			if err := write(k + ": "); err != nil {
				return err
			}
			if err := f.show(out, x[keys[i]], depth+1); err != nil {
				return err
			}
		}
		return write("}")
	}
	s, err := toString(f, []any{v})
	if err != nil {
		return err
	}
	return write(s.(string))
}
