package nodes

// std:csv: a text with comma-separated values becomes rows, and rows become a text.

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type csvConfig struct {
	Direction string    `json:"direction,omitempty" jsonschema:"enum=parse,enum=write,default=parse"`
	Delimiter string    `json:"delimiter,omitempty" jsonschema:"minLength=1,maxLength=1" jsonschema_description:"one character; a comma where it is not given."`
	Comment   string    `json:"comment,omitempty" jsonschema:"maxLength=1" jsonschema_description:"lines that begin with this character are skipped."`
	Header    csvHeader `json:"header,omitzero"`
	Skip      int       `json:"skip,omitempty" jsonschema:"minimum=0" jsonschema_description:"so many rows at the beginning are not looked at."`
	Types     csvTypes  `json:"types,omitzero"`
	Lenient   bool      `json:"lenient,omitempty" jsonschema_description:"quotes may stand where they should not."`
	Trim      bool      `json:"trim,omitempty" jsonschema_description:"spaces around a value are no part of it."`
}

// csvHeader says what the columns are called.
type csvHeader struct {
	none  bool     // there are no names: rows are lists
	names []string // nil: the first row has them
}

// JSONSchema implements node.Schemer.
func (csvHeader) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"description":"true: the first row has the names of the columns; false: there are no names, and a row is a list; or the names.","default":true,` +
		`"anyOf":[{"type":"boolean"},{"type":"array","minItems":1,"uniqueItems":true,"items":{"type":"string"}}]}`)
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *csvHeader) UnmarshalJSON(b []byte) error {
	var named bool
	if json.Unmarshal(b, &named) == nil {
		*h = csvHeader{none: !named}
		return nil
	}
	*h = csvHeader{}
	return json.Unmarshal(b, &h.names)
}

// csvTypes says what the values of columns are.
type csvTypes struct {
	auto bool
	by   map[string]string // by name of the column
}

// JSONSchema implements node.Schemer.
func (csvTypes) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"description":"text: every value is a text; auto: what looks like a number, true, false or nothing is that; or the type of each column, text where it is not named.","default":"text",` +
		`"anyOf":[{"enum":["text","auto"]},{"type":"object","additionalProperties":{"enum":["text","auto","integer","number","boolean","json"]}}]}`)
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *csvTypes) UnmarshalJSON(b []byte) error {
	var all string
	if json.Unmarshal(b, &all) == nil {
		*t = csvTypes{auto: all == "auto"}
		return nil
	}
	*t = csvTypes{}
	return json.Unmarshal(b, &t.by)
}

func (t csvTypes) of(column string) string {
	if t.auto {
		return "auto"
	}
	return t.by[column]
}

func csvNode(ctx context.Context, input textOrList) (textOrList, error) {
	conf, err := node.Config[csvConfig](ctx)
	if err != nil {
		return nil, err
	}
	if conf.Direction == "write" {
		out, err := writeCSV(conf, json.RawMessage(input))
		return textOrList(out), err
	}
	var text string
	if err := json.Unmarshal(input, &text); err != nil {
		return nil, node.Errorf("bad_input", "expected the CSV as a text: %w", err)
	}
	out, err := parseCSV(conf, text)
	return textOrList(out), err
}

func character(s string, otherwise rune) rune {
	if s == "" {
		return otherwise
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func parseCSV(conf csvConfig, text string) (json.RawMessage, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.Comma, r.Comment, r.ReuseRecord = character(conf.Delimiter, ','), character(conf.Comment, 0), true
	r.TrimLeadingSpace, r.LazyQuotes = conf.Trim, conf.Lenient
	r.FieldsPerRecord = -1
	for range conf.Skip {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, csvError(err)
		}
	}
	columns, err := csvColumns(conf, r)
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, len(columns))
	for i, c := range columns {
		if keys[i], err = encode(c); err != nil {
			return nil, err
		}
	}
	width := len(columns)
	out := &bounded{}
	out.put('[')
	for rows := 0; ; rows++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(err)
		}
		if width == 0 {
			width = len(record)
		}
		if len(record) != width {
			line, _ := r.FieldPos(0)
			return nil, node.Errorf("bad_csv", "line %d, column 1: the row has %d values, expected %d", line, len(record), width)
		}
		if rows > 0 {
			out.put(',')
		}
		if err := csvRow(conf, r, record, columns, keys, out); err != nil {
			return nil, err
		}
		if out.Len() > maxBytes {
			return nil, errTooLarge
		}
	}
	out.put(']')
	return out.Bytes(), nil
}

// csvRow writes one row as a list or an object.
func csvRow(conf csvConfig, r *csv.Reader, record, columns []string, keys [][]byte, out *bounded) error {
	open, end := byte('['), byte(']')
	if columns != nil {
		open, end = '{', '}'
	}
	out.put(open)
	for i, cell := range record {
		if i > 0 {
			out.put(',')
		}
		if conf.Trim {
			cell = strings.TrimSpace(cell)
		}
		column := ""
		if columns != nil {
			column = columns[i]
			if _, err := out.Write(keys[i]); err != nil {
				return err
			}
			out.put(':')
		}
		kind := conf.Types.of(column)
		value, ok := csvValue(kind, cell)
		if !ok {
			line, at := r.FieldPos(i)
			return node.Errorf("bad_value", "line %d, column %d: %s of %s is %s, expected %s", line, at, "the value", shortly(column), shortly(cell), kind)
		}
		if _, err := out.Write(value); err != nil {
			return err
		}
	}
	out.put(end)
	return nil
}

// csvColumns are the names of the columns; nil: there are none.
func csvColumns(conf csvConfig, r *csv.Reader) ([]string, error) {
	if conf.Header.none {
		return nil, nil
	}
	columns := slices.Clone(conf.Header.names)
	if columns == nil {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return []string{}, nil
		}
		if err != nil {
			return nil, csvError(err)
		}
		columns = slices.Clone(record)
	}
	seen := map[string]bool{}
	for i, c := range columns {
		if conf.Trim {
			c = strings.TrimSpace(c)
			columns[i] = c
		}
		if seen[c] {
			return nil, node.Errorf("bad_header", "two columns are called %s; name them with header = […] and skip = 1", shortly(c))
		}
		seen[c] = true
	}
	for _, c := range slices.Sorted(keysOf(conf.Types.by)) {
		if !seen[c] {
			return nil, node.Errorf("bad_header", "types names %s, and there is no such column", shortly(c))
		}
	}
	return columns, nil
}

// csvValue is a value as JSON; false where it is not of the kind.
func csvValue(kind, cell string) ([]byte, bool) {
	switch kind {
	case "", "text":
		b, err := encode(cell)
		return b, err == nil
	}
	plain := strings.TrimSpace(cell)
	if plain == "" {
		return []byte("null"), true
	}
	switch kind {
	case "auto":
		if plain == "true" || plain == "false" || isNumber(plain) {
			return []byte(plain), true
		}
		return csvValue("text", cell)
	case "boolean":
		lower := strings.ToLower(plain)
		return []byte(lower), lower == "true" || lower == "false"
	case "integer":
		return []byte(plain), isNumber(plain) && !strings.ContainsAny(plain, ".eE")
	case "number":
		return []byte(plain), isNumber(plain)
	case "json":
		return []byte(plain), wholeJSON([]byte(plain)) == nil
	}
	return nil, false
}

// isNumber tells a number of JSON, which has no zeros in front: a postcode is none.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && json.Valid([]byte(s))
}

func csvError(err error) error {
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		return node.Errorf("bad_csv", "line %d, column %d: %w", wrong.Line, wrong.Column, wrong.Err)
	}
	return node.Errorf("bad_csv", "%w", err)
}

func writeCSV(conf csvConfig, input json.RawMessage) (json.RawMessage, error) {
	rows, err := members(input, '[')
	if err != nil {
		return nil, node.Errorf("bad_input", "expected a list of rows: %w", err)
	}
	var text bounded
	w := csv.NewWriter(&text)
	w.Comma = character(conf.Delimiter, ',')
	columns, asLists := conf.Header.names, true
	objects := make([]map[string]json.RawMessage, len(rows))
	named := map[string]bool{}
	for i, row := range rows {
		if !bytes.HasPrefix(row.value, []byte("{")) {
			continue
		}
		asLists = false
		fields, err := members(row.value, '{')
		if err != nil {
			return nil, node.Errorf("bad_input", "row %d: %w", i, err)
		}
		objects[i] = make(map[string]json.RawMessage, len(fields))
		for _, f := range fields {
			objects[i][f.key] = f.value
			if conf.Header.names == nil && !named[f.key] {
				named[f.key] = true
				columns = append(columns, f.key)
			}
		}
	}
	if len(columns) > 0 && !conf.Header.none {
		if err := w.Write(columns); err != nil {
			return nil, csvWriteError(err)
		}
	}
	for i, row := range rows {
		var cells []string
		switch {
		case objects[i] != nil:
			for _, c := range columns {
				cells = append(cells, csvCell(objects[i][c]))
			}
		case asLists:
			list, err := members(row.value, '[')
			if err != nil {
				return nil, node.Errorf("bad_input", "row %d: expected a list or an object: %w", i, err)
			}
			for _, v := range list {
				cells = append(cells, csvCell(v.value))
			}
		default:
			return nil, node.Errorf("bad_input", "row %d is no object, and others are", i)
		}
		if err := w.Write(cells); err != nil {
			return nil, csvWriteError(err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, csvWriteError(err)
	}
	return encode(text.String())
}

func csvWriteError(err error) error {
	if errors.Is(err, errTooLarge) {
		return errTooLarge
	}
	return node.Errorf("bad_config", "%w", err)
}

// csvCell is a document as a value: a text as it is, null and what is not there as
// nothing, the rest as JSON.
func csvCell(doc json.RawMessage) string {
	var s string
	switch {
	case len(doc) == 0 || string(doc) == "null":
		return ""
	case doc[0] == '"' && json.Unmarshal(doc, &s) == nil:
		return s
	}
	var compact bytes.Buffer
	if json.Compact(&compact, doc) != nil {
		return string(doc)
	}
	return compact.String()
}
