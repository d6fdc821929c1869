package expr

// Complaints about an expression, in this project's words.

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// maxComplaints is how many complaints there can be about one expression.
const maxComplaints = 20

// SyntaxError says where and why an expression was refused.
type SyntaxError struct {
	Line   int    // in the expression, from 1
	Column int    // in the line, from 1, in characters
	Text   string // what is wrong
	Hint   string // what may have been meant; can be empty
	others []*SyntaxError
}

// Error is "line L, column C: " with the text, the hint, and the same of all
// other complaints, separated by "; ".
func (e *SyntaxError) Error() string {
	parts := make([]string, 0, 1+len(e.others))
	for _, s := range e.All() {
		text := fmt.Sprintf("line %d, column %d: %s", s.Line, s.Column, s.Text)
		if s.Hint != "" {
			text += " (" + s.Hint + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// All is all complaints about the expression, in the order of their places, e
// itself first.
func (e *SyntaxError) All() []*SyntaxError {
	return append([]*SyntaxError{e}, e.others...)
}

// first makes one error of at least one complaint.
func first(all []*SyntaxError) *SyntaxError {
	slices.SortStableFunc(all, func(a, b *SyntaxError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	all = slices.CompactFunc(all, func(a, b *SyntaxError) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Text == b.Text
	})
	if len(all) > maxComplaints {
		all = all[:maxComplaints]
	}
	all[0].others = all[1:]
	return all[0]
}

// explain turns what cel-go complains about into a SyntaxError.
func (c *compilation) explain(errs []*common.Error) error {
	nodes := map[int64]ast.Expr{}
	if c.tree != nil && c.tree.Expr() != nil {
		ast.PostOrderVisit(c.tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) { nodes[e.ID()] = e }))
	}
	var all []*SyntaxError
	for _, e := range errs {
		if len(errs) > 1 && strings.HasPrefix(e.Message, "undeclared reference") && isNamespace(quoted(e.Message)) {
			continue // the complaint is about its function
		}
		text, hint := c.reword(e.Message, nodes[e.ExprID])
		if h := c.habit(e.Location); h != "" && (hint == "" || !strings.HasPrefix(hint, "did you")) {
			hint = h
		}
		all = append(all, c.at(e.Location, text, hint))
	}
	if len(all) == 0 { // namespaces alone
		all = append(all, c.at(errs[0].Location, errs[0].Message, ""))
	}
	return first(all)
}

// reword says a complaint in words that fit: there is one kind of number, and
// operators look as they are written.
func (c *compilation) reword(message string, at ast.Expr) (text, hint string) {
	message = strings.TrimPrefix(message, "Syntax error: ")
	switch {
	case strings.HasPrefix(message, "undeclared reference to "):
		return c.unknown(quoted(message), at)
	case strings.HasPrefix(message, "found no matching overload for "):
		return noOverload(message), ""
	case strings.HasPrefix(message, "expression recursion limit"):
		return fmt.Sprintf("the expression is nested more than %d deep", MaxNesting), ""
	case strings.HasPrefix(message, "invalid int literal"), strings.HasPrefix(message, "invalid uint literal"):
		return "the number is too long to be written in an expression", "up to 18446744073709551615u can be"
	case strings.HasPrefix(message, "invalid double literal"):
		return "the number is beyond the range of numbers", ""
	}
	if strings.HasPrefix(message, "expected identifier after '.'") {
		hint = "a key that is no plain name is written x[\"key\"]"
	}
	text = oneKind(message)
	if found, wanted, ok := strings.Cut(strings.TrimPrefix(text, "mismatched input "), " expecting "); ok {
		text = fmt.Sprintf("unexpected %s; expected %s", strings.Replace(found, "'<EOF>'", "<EOF>", 1), wanted)
	}
	return strings.ReplaceAll(text, "<EOF>", "end of the expression"), hint
}

// habits are what authors write who come from other languages.
var habits = map[string]string{
	"=": "equality is ==", "===": "equality is ==", "and": "and is &&", "or": "or is ||", "not": "not is !",
	"length": "the length is size()", "len": "the length is size()", "count": "the number of elements is size()",
	"toUpperCase": "it is upperAscii()", "toLowerCase": "it is lowerAscii()", "includes": "it is contains(), or x in list",
	"nil": "it is null", "None": "it is null", "undefined": "a missing key is asked for with has(x.y) or x.?y",
	"True": "it is true", "False": "it is false", "now": "there is no clock in an expression",
}

// habit is the hint for the word at a place in the source.
func (c *compilation) habit(l common.Location) string {
	line, ok := c.source.Snippet(l.Line())
	column := l.Column()
	runes := []rune(line)
	if !ok || column < 0 || column >= len(runes) {
		return ""
	}
	end := column + 1
	for end < len(runes) && isLetter(runes[end]) == isLetter(runes[column]) && runes[end] != ' ' {
		end++
	}
	if h := habits[string(runes[column:end])]; h != "" {
		return h
	}
	before := strings.Fields(string(runes[:column]))
	if len(before) > 0 && before[len(before)-1] == "not" {
		return habits["not"]
	}
	return ""
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

var kinds = regexp.MustCompile(`\b(int|double|uint|dyn|map)\b`)

func oneKind(s string) string {
	return kinds.ReplaceAllStringFunc(s, func(t string) string {
		switch t {
		case "dyn":
			return "any"
		case "map":
			return "object"
		}
		return "number"
	})
}

// noOverload says which function or operator cannot be applied to what.
func noOverload(message string) string {
	_, rest, _ := strings.Cut(message, "for '")
	name, rest, _ := strings.Cut(rest, "' applied to '")
	types := oneKind(strings.TrimSuffix(rest, "'"))
	if len(types) > 200 {
		types = types[:200] + "…"
	}
	switch name {
	case operators.Index, operators.OptIndex:
		return "cannot index: " + types
	case operators.Conditional:
		return "the condition of ?: must be a boolean: " + types
	case operators.Negate:
		return "cannot apply - to " + types
	case operators.LogicalNot:
		return "cannot apply ! to " + types
	}
	if op, ok := operators.FindReverse(name); ok && op != "" {
		return "cannot apply " + op + " to " + types
	}
	return name + " cannot be applied to " + types
}

// unknown complains about a name, with the nearest that there is.
func (c *compilation) unknown(name string, at ast.Expr) (text, hint string) {
	var candidates []string
	if at != nil && at.Kind() == ast.CallKind {
		text = fmt.Sprintf("there is no function %q", name)
		if call := at.AsCall(); call.IsMemberFunction() && call.Target().Kind() == ast.IdentKind {
			if space := call.Target().AsIdent(); isNamespace(space) {
				name = space + "." + name
				text = fmt.Sprintf("there is no function %q", name)
			}
		}
		candidates = c.lang.names
		if slices.Contains(macroNames(), name) {
			return name + " is not called like this", "a list or object stands before it, " +
				"and its arguments are a variable's name and an expression"
		}
	} else {
		text = fmt.Sprintf("there is no variable %q", name)
		if at != nil && at.Kind() == ast.StructKind {
			text = fmt.Sprintf("there is no type %q", name)
			return text, `objects are written {"key": value}`
		}
		candidates = c.env.variables
	}
	if h := habits[name]; h != "" {
		return text, h
	}
	if near := nearest(name, candidates); near != "" {
		return text, fmt.Sprintf("did you mean %q?", near)
	}
	if at != nil && at.Kind() == ast.CallKind {
		return text, ""
	}
	return text, "known here: " + strings.Join(c.env.variables, ", ")
}

// isNamespace reports whether functions' names begin with s and a dot.
func isNamespace(s string) bool {
	switch s {
	case "math", "lists", "sets", "strings", "optional", "cel":
		return true
	}
	return false
}

// nearest is the candidate that is most like name, or "" if none is much like
// it. Ties go to the first.
func nearest(name string, candidates []string) string {
	best, distance := "", max(len(name)/3, 1)
	for _, c := range candidates {
		if d := edits(strings.ToLower(name), strings.ToLower(c)); d <= distance && c != name {
			if d < distance || best == "" {
				best, distance = c, d
			}
		}
	}
	return best
}

// edits is how many insertions, deletions, replacements and swaps of neighbours
// make b of a.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			d := 1
			if a[i-1] == b[j-1] {
				d = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+d)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
