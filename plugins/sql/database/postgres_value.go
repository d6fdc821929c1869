package database

// Values of PostgreSQL, from the text in which the server writes them: exact, and
// the same for all versions.

import (
	"bytes"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// append writes a value; nil is null.
func (t postgresType) append(dst, text []byte) ([]byte, error) {
	switch {
	case text == nil:
		return append(dst, "null"...), nil
	case t.array:
		a := arrayReader{text: text, element: t.element}
		return a.array(dst)
	default:
		return appendPostgres(dst, text, t.element)
	}
}

func appendPostgres(dst, text []byte, oid uint32) ([]byte, error) {
	switch oid {
	case pgtype.BoolOID:
		switch string(text) {
		case "t":
			return append(dst, "true"...), nil
		case "f":
			return append(dst, "false"...), nil
		}
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		if isNumber(text) {
			return append(dst, text...), nil
		}
	case pgtype.ByteaOID:
		digits, ok := bytes.CutPrefix(text, []byte(`\x`))
		b := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(b, digits); err != nil || !ok {
			return dst, &capability.Error{Reason: "invalid_value", Message: "bytes that are not written as hexadecimal digits: bytea_output was changed"}
		}
		return appendBase64(dst, b), nil
	case pgtype.JSONOID, pgtype.JSONBOID:
		return appendJSON(dst, text)
	case pgtype.TimestamptzOID:
		for _, layout := range []string{"2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999-07:00"} {
			if at, err := time.Parse(layout, string(text)); err == nil {
				return append(at.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), nil
			}
		}
	case pgtype.TimestampOID:
		if at, err := time.Parse("2006-01-02 15:04:05.999999999", string(text)); err == nil {
			return append(at.AppendFormat(append(dst, '"'), "2006-01-02T15:04:05.999999999"), '"'), nil
		}
	}
	return appendText(dst, text)
}

// isNumber says whether a text is a number of JSON: NaN and Infinity are not.
func isNumber(text []byte) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return false
		}
	}
	_, err := document.Parse(bytes.Clone(text), document.Limits{})
	return err == nil
}

// arrayReader writes an array, as PostgreSQL writes it, as one of JSON.
type arrayReader struct {
	text    []byte
	at      int
	element uint32
	depth   int
}

var errArray = errors.New("an array that is not written as PostgreSQL writes them")

// maxDimensions is PostgreSQL's own.
const maxDimensions = 6

func (a *arrayReader) array(dst []byte) ([]byte, error) {
	if a.at < len(a.text) && a.text[a.at] == '[' { // where indices begin: [2:3]={…}
		end := bytes.IndexByte(a.text, '=')
		if end < 0 {
			return dst, errArray
		}
		a.at = end + 1
	}
	dst, err := a.level(dst)
	if err == nil && a.at != len(a.text) {
		err = errArray
	}
	return dst, err
}

func (a *arrayReader) level(dst []byte) ([]byte, error) {
	if !a.take('{') || a.depth == maxDimensions {
		return dst, errArray
	}
	a.depth++
	defer func() { a.depth-- }()
	dst = append(dst, '[')
	if a.take('}') {
		return append(dst, ']'), nil
	}
	for {
		var err error
		if a.at < len(a.text) && a.text[a.at] == '{' {
			dst, err = a.level(dst)
		} else {
			dst, err = a.item(dst)
		}
		switch {
		case err != nil:
			return dst, err
		case a.take(','):
			dst = append(dst, ',')
		case a.take('}'):
			return append(dst, ']'), nil
		default:
			return dst, errArray
		}
	}
}

func (a *arrayReader) take(c byte) bool {
	if a.at < len(a.text) && a.text[a.at] == c {
		a.at++
		return true
	}
	return false
}

func (a *arrayReader) item(dst []byte) ([]byte, error) {
	quoted := a.take('"')
	var text []byte
	for {
		if a.at == len(a.text) {
			return dst, errArray
		}
		c := a.text[a.at]
		switch {
		case c == '\\' && a.at+1 < len(a.text):
			text = append(text, a.text[a.at+1])
			a.at += 2
		case quoted && c == '"':
			a.at++
			return appendPostgres(dst, text, a.element)
		case !quoted && (c == ',' || c == '}'):
			if string(text) == "NULL" {
				return append(dst, "null"...), nil
			}
			return appendPostgres(dst, text, a.element)
		default:
			text = append(text, c)
			a.at++
		}
	}
}
