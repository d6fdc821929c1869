package database

// Arguments for PostgreSQL, as text of the types that the server found for the
// statement's parameters.

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainrun/chainrun/host/document"
)

func (p *postgresTypes) argument(d document.Document, oid uint32, i int) ([]byte, error) {
	t := p.get(oid)
	if t.array && d.Kind() == document.KindArray {
		return appendArray(nil, d, t.element, i, 1)
	}
	return scalar(d, t.element, i)
}

// scalar is a value's text; nil is null.
func scalar(d document.Document, oid uint32, i int) ([]byte, error) {
	if oid == pgtype.JSONOID || oid == pgtype.JSONBOID {
		return d.Bytes(), nil
	}
	switch d.Kind() {
	case document.KindNull:
		return nil, nil
	case document.KindBool:
		return d.Bytes(), nil
	case document.KindNumber:
		return d.Canonical(), nil
	case document.KindString:
		text, err := textOf(d)
		if err != nil {
			return nil, wrongArgument(i, d, err.Error())
		}
		if oid != pgtype.ByteaOID {
			return []byte(text), nil
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, wrongArgument(i, d, "is not bytes in base64")
		}
		return []byte(`\x` + hex.EncodeToString(b)), nil
	default:
		return nil, wrongArgument(i, d, "is given where the statement wants one value; a cast such as $1::jsonb or $1::int[] says what it is")
	}
}

func appendArray(dst []byte, d document.Document, oid uint32, i, depth int) ([]byte, error) {
	if depth > maxDimensions {
		return nil, wrongArgument(i, d, "nests too deeply")
	}
	dst = append(dst, '{')
	for n, item := range d.Items() {
		if n > 0 {
			dst = append(dst, ',')
		}
		if item.Kind() == document.KindArray && oid != pgtype.JSONOID && oid != pgtype.JSONBOID {
			var err error
			if dst, err = appendArray(dst, item, oid, i, depth+1); err != nil {
				return nil, err
			}
			continue
		}
		if item.Kind() == document.KindNull {
			dst = append(dst, "NULL"...)
			continue
		}
		text, err := scalar(item, oid, i)
		if err != nil {
			return nil, err
		}
		dst = append(dst, '"')
		dst = append(dst, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(text))...)
		dst = append(dst, '"')
	}
	return append(dst, '}'), nil
}
