package database

// Values of SQLite: exact, by the type that each value has.

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// sqliteKind is what a column's declaration says beyond its values' own types.
type sqliteKind int

const (
	asItIs sqliteKind = iota
	truth
	asJSON
)

func kindOf(declared string) sqliteKind {
	switch declared {
	case "boolean", "bool":
		return truth
	case "json":
		return asJSON
	default:
		return asItIs
	}
}

func appendSQLite(dst []byte, stmt *sqlite3.Stmt, i int, kind sqliteKind) ([]byte, error) {
	switch stmt.ColumnType(i) {
	case sqlite3.NULL:
		return append(dst, "null"...), nil
	case sqlite3.INTEGER:
		n := stmt.ColumnInt64(i)
		if kind == truth && (n == 0 || n == 1) {
			return strconv.AppendBool(dst, n == 1), nil
		}
		return strconv.AppendInt(dst, n, 10), nil
	case sqlite3.FLOAT:
		return appendFloat(dst, stmt.ColumnFloat(i)), nil
	case sqlite3.BLOB:
		return appendBase64(dst, stmt.ColumnRawBlob(i)), nil
	default:
		if kind == asJSON {
			return appendJSON(dst, stmt.ColumnRawText(i))
		}
		return appendText(dst, stmt.ColumnRawText(i))
	}
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	default:
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	}
}

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// bindAll gives a statement its arguments.
func bindAll(stmt *sqlite3.Stmt, args []document.Document) error {
	if n := stmt.BindCount(); n != len(args) {
		return wrongCount(n, len(args))
	}
	for i, d := range args {
		if err := bindSQLite(stmt, i+1, d); err != nil {
			return err
		}
	}
	return nil
}

func bindSQLite(stmt *sqlite3.Stmt, i int, d document.Document) error {
	var err error
	switch d.Kind() {
	case document.KindNull:
		err = stmt.BindNull(i)
	case document.KindBool:
		err = stmt.BindBool(i, d.String() == "true")
	case document.KindNumber:
		text := string(d.Canonical())
		if n, e := strconv.ParseInt(text, 10, 64); e == nil {
			err = stmt.BindInt64(i, n)
			break
		}
		f, e := strconv.ParseFloat(text, 64)
		if e != nil || !fits(text, f) {
			return wrongArgument(i, d, "is no number that SQLite has: an integer of 64 bits, or a fraction of double precision")
		}
		err = stmt.BindFloat(i, f)
	case document.KindString:
		text, e := textOf(d)
		if e != nil {
			return wrongArgument(i, d, e.Error())
		}
		err = stmt.BindText(i, text)
	default: // for json_each(?) and the like
		err = stmt.BindText(i, d.String())
	}
	return sqliteError(fmt.Sprintf("argument %d", i), err)
}

// fits says whether a fraction may stand for a number: whole numbers are not
// rounded.
func fits(text string, f float64) bool {
	whole := true
	for _, c := range []byte(text) {
		if c == '.' || c == 'e' || c == 'E' {
			whole = false
		}
	}
	return !whole || strconv.FormatFloat(f, 'f', -1, 64) == text
}

// textOf is the text that a string of JSON stands for.
func textOf(d document.Document) (string, error) {
	v, err := d.Value()
	if err != nil {
		return "", err
	}
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("is %s and no text", d.Kind())
	}
	return text, nil
}

func wrongCount(want, got int) error {
	return &capability.Error{
		Reason:  "invalid_arguments",
		Message: fmt.Sprintf("the statement has %d parameters, and there are %d values in args", want, got),
	}
}

func wrongArgument(i int, d document.Document, why string) error {
	return &capability.Error{Reason: "invalid_arguments", Message: fmt.Sprintf("argument %d, of kind %s, %s", i, d.Kind(), why)}
}
