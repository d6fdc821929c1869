package database

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/capability"
)

// sqliteReasons name result codes.
var sqliteReasons = map[sqlite3.ErrorCode]string{
	sqlite3.ERROR: "sqlite_error", sqlite3.CONSTRAINT: "sqlite_constraint", sqlite3.MISMATCH: "sqlite_mismatch",
	sqlite3.BUSY: "busy", sqlite3.LOCKED: "busy", sqlite3.INTERRUPT: "canceled",
	sqlite3.NOMEM: "out_of_memory", sqlite3.TOOBIG: "result_too_large", sqlite3.FULL: "sqlite_full",
	sqlite3.IOERR: "sqlite_ioerr", sqlite3.CORRUPT: "sqlite_corrupt", sqlite3.NOTADB: "sqlite_notadb",
	sqlite3.CANTOPEN: "sqlite_cantopen", sqlite3.READONLY: "read_only", sqlite3.AUTH: "statement_not_allowed",
}

// sqliteError classifies an error; nil stays nil. Its text has no path: SQLite's
// own does not name the file.
func sqliteError(doing string, err error) error {
	if err == nil {
		return nil
	}
	code, ok := errors.AsType[*sqlite3.Error](err)
	var primary sqlite3.ErrorCode
	if ok {
		primary = code.Code()
	} else if !errors.As(err, &primary) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	reason := sqliteReasons[primary]
	if reason == "" {
		reason = "sqlite_" + strconv.Itoa(int(primary))
	}
	e := &capability.Error{
		Reason: reason, Message: doing + ": " + err.Error(),
		Retryable: primary == sqlite3.BUSY || primary == sqlite3.LOCKED,
		Denied:    primary == sqlite3.READONLY || primary == sqlite3.AUTH,
	}
	if primary == sqlite3.CANTOPEN {
		e.Message += "; the file is made before, by whoever it belongs to"
	}
	return e
}
