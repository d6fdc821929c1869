package database

// The rows of an answer, written as they come.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// column is one of a table's.
type column struct{ name, kind string }

// table is rows that have been read, up to its limits.
type table struct {
	columns   []column
	body      []byte // the rows, by commas
	rows      int
	maxRows   int
	maxBytes  int
	truncated bool
}

// around is what an answer has beside columns and rows, at most.
const around = 64

func newTable(s statement, columns []column) *table {
	t := &table{columns: columns, maxRows: s.rows}
	t.maxBytes = max(0, min(s.bytes, s.left-around-len(t.appendColumnsAndRows(nil))))
	return t
}

// full says, once there is a row too many, that no more are wanted.
func (t *table) full() bool { return t.truncated }

// add writes a row whose cells value writes, one after the other. A row too many
// makes the table full.
func (t *table) add(value func(dst []byte, column int) ([]byte, error)) error {
	if t.rows == t.maxRows {
		t.truncated = true
		return nil
	}
	before := len(t.body)
	if t.rows > 0 {
		t.body = append(t.body, ',')
	}
	t.body = append(t.body, '[')
	for i := range t.columns {
		if i > 0 {
			t.body = append(t.body, ',')
		}
		var err error
		if t.body, err = value(t.body, i); err != nil {
			return t.at(i, err)
		}
		if len(t.body) > t.maxBytes {
			break
		}
	}
	t.body = append(t.body, ']')
	if len(t.body) <= t.maxBytes {
		t.rows++
		return nil
	}
	t.body = t.body[:before]
	t.truncated = true
	if t.rows == 0 {
		return &capability.Error{
			Reason:  "result_too_large",
			Message: fmt.Sprintf("the first row alone has more than %d bytes, which is what max_bytes of the grant, or its bytes, leave", t.maxBytes),
		}
	}
	return nil
}

// at says in which row and column an error is.
func (t *table) at(column int, err error) error {
	where := fmt.Sprintf("row %d, column %q: ", t.rows+1, t.columns[column].name)
	if e, ok := errors.AsType[*capability.Error](err); ok {
		with := *e
		with.Message = where + e.Message
		return &with
	}
	return fmt.Errorf("%s%w", where, err)
}

// tooLarge is the error of a writing statement that gives back too much.
func (t *table) tooLarge() error {
	return &capability.Error{
		Reason: "result_too_large",
		Message: fmt.Sprintf("the statement gives back more than %d rows or %d bytes, the limits of the grant; nothing was changed",
			t.maxRows, t.maxBytes),
	}
}

func (t *table) appendColumnsAndRows(dst []byte) []byte {
	dst = append(dst, `"columns":[`...)
	for i, c := range t.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = append(dst, document.String(c.name).Bytes()...)
		dst = append(dst, `,"type":`...)
		dst = append(dst, document.String(c.kind).Bytes()...)
		dst = append(dst, '}')
	}
	dst = append(dst, `],"rows":[`...)
	dst = append(dst, t.body...)
	return append(dst, ']')
}

// queryAnswer is what method query gives.
func (t *table) queryAnswer() document.Document {
	dst := t.appendColumnsAndRows(append(make([]byte, 0, len(t.body)+256), '{'))
	dst = append(dst, `,"truncated":`...)
	return document.Trusted(append(strconv.AppendBool(dst, t.truncated), '}'))
}

// execAnswer is what method exec gives.
func (t *table) execAnswer(affected int64) document.Document {
	dst := append(make([]byte, 0, len(t.body)+256), `{"rows_affected":`...)
	dst = strconv.AppendInt(dst, affected, 10)
	if len(t.columns) > 0 {
		dst = t.appendColumnsAndRows(append(dst, ','))
	}
	return document.Trusted(append(dst, '}'))
}

// appendText writes a text. One that is not UTF-8 is an error: whoever asked shall
// not take something else for what is stored.
func appendText(dst, text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return dst, &capability.Error{Reason: "invalid_text", Message: "the text is not UTF-8; as a blob (SQLite: cast(x as blob)) or bytea it comes in base64"}
	}
	return append(dst, document.String(string(text)).Bytes()...), nil
}

// deepest is how deep a value may nest that stands in a row, in the rows, in an
// answer.
const deepest = document.DefaultDepth - 3

// appendJSON writes a text that is JSON as such, and as a text where it is no
// document: with a key twice, a lone surrogate, or nested too deeply.
func appendJSON(dst, text []byte) ([]byte, error) {
	d, err := document.Parse(slices.Clone(text), document.Limits{Bytes: max(len(text), 1), Depth: deepest})
	if err != nil {
		return appendText(dst, text)
	}
	return append(dst, d.Bytes()...), nil
}
