package database

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainrun/chainrun/host/document"
)

func TestFirstWord(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1": "select", " \n(( select": "select", "-- x\nselect": "select", "-- x": "", "/* x */select": "select",
		"/*/ select */ delete": "delete", "/**/delete": "delete", "/* a */ /* b */ -- c\r\ndelete": "delete",
		"select/**/1": "select", "select(1)": "select", "selecting": "selecting", "1": "", "": "", "'select'": "", ";select": "",
		"\uFEFFselect": "", "sElEcT": "select", strings.Repeat("a", 50): strings.Repeat("a", 20), "/": "", "-": "", "/*": "",
	} {
		for _, nesting := range []bool{true, false} {
			if got := firstWord(sql, nesting); got != want {
				t.Errorf("%q: got %q, want %q", sql, got, want)
			}
		}
	}
	const nested = "/* /* */ select */ delete"
	if a, b := firstWord(nested, true), firstWord(nested, false); a != "delete" || b != "select" {
		t.Errorf("nested: %q, %q", a, b)
	}
}

// Whatever a server writes, what comes of it is JSON or an error.
func FuzzArray(f *testing.F) {
	for _, s := range []string{`{}`, `{1,2}`, `{{1},{2}}`, `[1:2]={a,NULL}`, `{"a\"b","\\"}`, `{`, `{"`, `{\`, `{{{{{{{1}}}}}}}`, `{,}`, `{t,f,x}`} {
		f.Add(s, uint32(pgtype.TextOID))
		f.Add(s, uint32(pgtype.JSONBOID))
		f.Add(s, uint32(pgtype.BoolOID))
	}
	f.Fuzz(func(t *testing.T, text string, oid uint32) {
		got, err := postgresType{array: true, element: oid}.append(nil, []byte(text))
		if err != nil {
			return
		}
		if d, err := document.Parse(got, document.Limits{}); err != nil || d.Kind() != document.KindArray {
			t.Errorf("%q became %s: %v", text, got, err)
		}
	})
}

// A list that is sent as an array comes back as it was.
func FuzzArrayRoundTrip(f *testing.F) {
	for _, s := range []string{`[]`, `["a,b","\"","\\","NULL",null,"{}",""]`, `[["a"],["b"]]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := document.Parse([]byte(text), document.Limits{})
		if err != nil || d.Kind() != document.KindArray {
			return
		}
		literal, err := appendArray(nil, d, pgtype.TextOID, 1, 1)
		if err != nil {
			return
		}
		got, err := postgresType{array: true, element: pgtype.TextOID}.append(nil, literal)
		if err != nil {
			t.Fatalf("%s became %s: %v", text, literal, err)
		}
		if back, err := document.Parse(got, document.Limits{}); err != nil || !back.Equal(texts(d)) {
			t.Errorf("%s became %s became %s: %v", text, literal, got, err)
		}
	})
}

// texts is a list with its numbers and truths as the texts that they are sent as.
func texts(d document.Document) document.Document {
	switch d.Kind() {
	case document.KindArray:
		items := d.Items()
		for i := range items {
			items[i] = texts(items[i])
		}
		return document.Array(items...)
	case document.KindNumber:
		return document.String(string(d.Canonical()))
	case document.KindBool:
		return document.String(d.String())
	default:
		return d
	}
}
