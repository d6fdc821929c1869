package database

// One statement, and which ones are let through to the database.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// statement is what an engine carries out.
type statement struct {
	sql         string
	args        []document.Document
	rows, bytes int    // of an answer's rows, at most
	left        int    // bytes of the whole answer, at most
	key         string // the call's idempotency key
}

// The first words of the statements that are let through. Whatever is not listed
// controls transactions, sessions, files or the server: COMMIT, SET, COPY, DO,
// ATTACH, PRAGMA, VACUUM, LISTEN, LOCK and so on.
var (
	readingWords = []string{"select", "with", "values", "table", "show", "explain"}
	writingWords = []string{
		"insert", "replace", "update", "delete", "merge", "with", "select", "values", "truncate", "call",
		"create", "alter", "drop", "comment", "refresh", "analyze",
	}
)

// readStatement reads a request and holds it against the grant.
func readStatement(c capability.Call, g grant, driver string) (statement, error) {
	var in struct {
		SQL     string              `json:"sql"`
		Args    []document.Document `json:"args"`
		MaxRows json.Number         `json:"max_rows"`
	}
	if err := json.Unmarshal(c.Request.Bytes(), &in); err != nil {
		return statement{}, &capability.Error{Reason: "invalid_request", Message: err.Error()}
	}
	s := statement{
		sql: in.SQL, args: in.Args, rows: g.rows, bytes: g.bytes, key: c.Key,
		left: int(min(c.Left.Bytes, document.DefaultBytes)),
	}
	if in.MaxRows != "" {
		var n float64 // 1e3 is an integer, and so is one that no int holds
		if err := json.Unmarshal([]byte(in.MaxRows), &n); err == nil && n < float64(s.rows) {
			s.rows = int(n)
		}
	}
	if len(s.sql) > maxSQLBytes || strings.ContainsRune(s.sql, 0) {
		return s, &capability.Error{
			Reason:  "invalid_statement",
			Message: fmt.Sprintf("a statement has at most %d bytes, none of them NUL; this one has %d bytes", maxSQLBytes, len(s.sql)),
		}
	}
	if len(s.args) > maxArgs {
		return s, &capability.Error{Reason: "invalid_arguments", Message: fmt.Sprintf("a statement has at most %d arguments, this one has %d", maxArgs, len(s.args))}
	}
	if g.statements != nil && !slices.Contains(g.statements, plain(s.sql)) {
		return s, &capability.Error{
			Reason: "statement_not_granted", Denied: true,
			Message: fmt.Sprintf("the statement is none of the %d of `statements` in the grant of node %q", len(g.statements), c.Caller.Node),
		}
	}
	words := readingWords
	if c.Method == "exec" {
		words = writingWords
	}
	if word := firstWord(s.sql, driver == "postgres"); !slices.Contains(words, word) {
		e := &capability.Error{
			Reason: "statement_not_allowed", Denied: true,
			Message: fmt.Sprintf("%s does not carry out a statement that begins with %q; it may begin with %s", c.Method, word, strings.Join(words, ", ")),
		}
		if c.Method == "query" && slices.Contains(writingWords, word) {
			e.Message += "; method exec is for writing"
		}
		return s, e
	}
	return s, nil
}

// plain is a statement without what makes no difference around it.
func plain(sql string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(sql, "\r\n", "\n")), ";"))
}

// firstWord is the word that says what a statement does, in lower case: what comes
// after space, comments and opening parentheses. In PostgreSQL comments nest.
func firstWord(sql string, nesting bool) string {
	for sql != "" {
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			sql = afterComment(sql, nesting)
		case strings.ContainsRune(" \t\r\n\f(", rune(sql[0])):
			sql = sql[1:]
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
			if end < 0 {
				end = len(sql)
			}
			return strings.ToLower(sql[:min(end, 20)])
		}
	}
	return ""
}

func afterComment(sql string, nesting bool) string {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch {
		case sql[i] == '/' && sql[i+1] == '*' && (depth == 0 || nesting):
			depth++
			i++
		case sql[i] == '*' && sql[i+1] == '/':
			depth--
			i++
			if depth == 0 {
				return sql[i+1:]
			}
		}
	}
	return ""
}
