package database

// What a statement may do to a database of SQLite, whatever it says: SQLite asks
// for each action while it reads the statement.

import (
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// readPragmas describe a database and change nothing; SELECT reaches them as
// functions such as pragma_table_info('orders').
var readPragmas = []string{
	"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
	"foreign_key_list", "collation_list", "function_list", "data_version", "query_only",
}

// neverFunctions reach outside of the database, where somebody has built them in.
var neverFunctions = []string{"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "zeroblob_file", "lsdir", "fsdir"}

// mayRead lets through what reads.
func mayRead(action sqlite3.AuthorizerActionCode, third, fourth, _, _ string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_RECURSIVE:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_READ: // what other nodes were answered is theirs
		return allow(!strings.EqualFold(third, callsTable))
	case sqlite3.AUTH_FUNCTION:
		return allow(!slices.Contains(neverFunctions, strings.ToLower(fourth)))
	case sqlite3.AUTH_PRAGMA:
		name := strings.ToLower(third)
		return allow(slices.Contains(readPragmas, name) && (name != "query_only" || fourth == ""))
	default:
		return sqlite3.AUTH_DENY
	}
}

// mayWrite lets through what changes the database alone: not other files, not the
// transaction, not the settings of the connection.
func mayWrite(action sqlite3.AuthorizerActionCode, third, fourth, schema, inner string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_INSERT, sqlite3.AUTH_UPDATE, sqlite3.AUTH_DELETE,
		sqlite3.AUTH_CREATE_TABLE, sqlite3.AUTH_CREATE_INDEX, sqlite3.AUTH_CREATE_VIEW, sqlite3.AUTH_CREATE_TRIGGER,
		sqlite3.AUTH_DROP_TABLE, sqlite3.AUTH_DROP_INDEX, sqlite3.AUTH_DROP_VIEW, sqlite3.AUTH_DROP_TRIGGER,
		sqlite3.AUTH_ALTER_TABLE, sqlite3.AUTH_REINDEX, sqlite3.AUTH_ANALYZE,
		sqlite3.AUTH_CREATE_VTABLE, sqlite3.AUTH_DROP_VTABLE:
		// What is temporary would stay on the connection; what was done once is not
		// to be forgotten.
		return allow(schema != "temp" && !strings.EqualFold(third, callsTable) && !strings.EqualFold(fourth, callsTable))
	default:
		return mayRead(action, third, fourth, schema, inner)
	}
}

func allow(ok bool) sqlite3.AuthorizerReturnCode {
	if ok {
		return sqlite3.AUTH_OK
	}
	return sqlite3.AUTH_DENY
}
