package main

import (
	"os"
	"strings"
	"testing"
)

// The committed report says what the committed answers of the model come to.
func TestExpectedReport(t *testing.T) {
	differences, f, err := verify(files(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		t.Error(d)
	}
	// What the cassette is there to show.
	if f.malformed == 0 || f.repaired == 0 || f.why["unreadable"] == 0 || f.invented == 0 {
		t.Errorf("nothing went wrong, or nothing was repaired: %v", f)
	}
}

// A report that is wrong in one place is found.
func TestAWrongReportIsFound(t *testing.T) {
	report, messages, cassette := files(t)
	for _, change := range [][2]string{
		{`"messages":48`, `"messages":47`},
		{`"queue":"human"`, `"queue":"spam"`},
		{`"why":"unreadable"`, `"why":"invented"`},
		{`"urgency":"low"`, `"urgency":"normal"`},
		{`"quote":"`, `"quote":"x`},
		{`"id":"easy-ham-1`, `"id":"easy-ham-3`},
	} {
		wrong := strings.Replace(string(report), change[0], change[1], 1)
		if wrong == string(report) {
			t.Fatalf("%s is not in the report", change[0])
		}
		differences, _, err := verify([]byte(wrong), messages, cassette)
		if err != nil || len(differences) == 0 {
			t.Errorf("%s for %s: found %q, %v", change[1], change[0], differences, err)
		}
	}
}

// A cassette without an answer, or with one of another message, is found.
func TestAWrongCassetteIsFound(t *testing.T) {
	report, messages, cassette := files(t)
	lines := strings.SplitAfter(string(cassette), "\n")
	less := strings.Join(append(lines[:1:1], lines[2:]...), "")
	differences, _, err := verify(report, messages, []byte(less))
	if err == nil && len(differences) == 0 {
		t.Error("an answer less makes no difference")
	}
	swapped := strings.NewReplacer(`"each#1/`, `"each#2/`, `"each#2/`, `"each#1/`).Replace(string(cassette))
	if _, _, err := verify(report, messages, []byte(swapped)); err == nil {
		t.Error("answers to another message make no difference")
	}
}

func TestRead(t *testing.T) {
	const good = `{"quote": "does it work?", "product": "it", "category": "issue", "urgency": "low"}`
	if ticket, wrong := read(good); ticket == nil || ticket.Product != "it" {
		t.Fatalf("%q", wrong)
	}
	for name, text := range map[string]string{
		"empty":        ``,
		"prose":        `Here it is: ` + good,
		"cut":          good[:40],
		"twice":        good + good,
		"key twice":    strings.Replace(good, `"urgency"`, `"category": "issue", "urgency"`, 1),
		"another key":  strings.Replace(good, `{`, `{"a": 1, `, 1),
		"missing":      strings.Replace(good, `"product": "it", `, ``, 1),
		"no text":      strings.Replace(good, `"it"`, `12`, 1),
		"null":         strings.Replace(good, `"it"`, `null`, 1),
		"too long":     strings.Replace(good, `"it"`, `"`+strings.Repeat("é", 41)+`"`, 1),
		"another word": strings.Replace(good, `"issue"`, `"bug"`, 1),
		"a list":       `[` + good + `]`,
	} {
		if ticket, wrong := read(text); ticket != nil || len(wrong) == 0 {
			t.Errorf("%s: %v, %q", name, ticket, wrong)
		}
	}
}

func files(t *testing.T) (report, messages, cassette []byte) {
	t.Helper()
	var all [3][]byte
	for i, name := range []string{"../expected.json", "../data/messages.json", "../cassette.jsonl"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = b
	}
	return all[0], all[1], all[2]
}
