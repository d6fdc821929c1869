package sqlite

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
)

// Documents that lie on both sides of the border, with everything in them that
// could mislead a scanner.
func drawDocument(t *rapid.T) document.Document {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("a\"\\{}[],: \n\u2028é")), 0, 40, -1).Draw(t, "text")
	text = strings.Repeat(text, rapid.SampledFrom([]int{1, 30, 100}).Draw(t, "times"))
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return document.MustParse(strings.ReplaceAll(rapid.SampledFrom([]string{
		"?", "[?, {\"a\" : ?}]", "{\"stored\":\n[?]\t, \"output\": ?}", "{ }", "[]", "12", "[[1 , 2],?]", "true",
	}).Draw(t, "form"), "?", string(quoted)))
}

func drawBody(t *rapid.T) event.Body {
	a := event.Attempt{Step: "a\"{[", Node: "a", Number: 1}
	f := failure.Failure{Code: failure.NodeError, Message: strings.Repeat("]}\"", rapid.IntRange(0, 500).Draw(t, "message"))}
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		return event.RunStarted{Graph: "g", Input: drawDocument(t)}
	case 1:
		s := event.AttemptSucceeded{Attempt: a, Output: drawDocument(t)}
		for range rapid.IntRange(0, 3).Draw(t, "stored") {
			s.Stored = append(s.Stored, event.Stored{Space: "s,", Key: "k\"]", Value: drawDocument(t)})
		}
		return s
	case 2:
		return event.AttemptFailed{Attempt: a, Failure: f, Output: drawDocument(t)}
	case 3:
		return event.SignalReceived{Step: "w", Document: drawDocument(t)}
	}
	return event.RunFinished{Status: event.Failed, Failure: &f}
}

// What is cut out of an event and put back gives its bytes; what is left is JSON
// and short.
func TestCutAndSplice(t *testing.T) {
	cut := 0
	rapid.Check(t, func(t *rapid.T) {
		e := event.Event{Run: "r", Seq: 3, Time: time.UnixMicro(1).UTC(), Body: drawBody(t)}
		b, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := encode([]event.Event{e})
		if err != nil {
			t.Fatal(err)
		}
		defer batch.done()
		r := batch.records[0]
		if r.hash != sha256.Sum256(b) {
			t.Fatal("the hash is not that of the event")
		}
		if !json.Valid(r.text) {
			t.Fatalf("%s is not JSON", r.text)
		}
		if all := new(record).cut(b); !bytes.Equal(r.text, all) {
			t.Fatalf("%s is left, not %s", r.text, all)
		}
		if len(r.text) > 5*largeBytes+5*referenceBytes {
			t.Fatalf("%d bytes are left", len(r.text))
		}
		cutText, _ := formatCuts(r.cuts).(string)
		cuts, err := parseCuts(cutText)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range cuts {
			digest, err := referenced(r.text, at)
			if err != nil || digest != r.digests[i] || sha256.Sum256(r.documents[i]) != digest {
				t.Fatalf("cut %d: %v", i, err)
			}
			if len(r.documents[i]) < largeBytes || !json.Valid(r.documents[i]) {
				t.Fatalf("%.60q was cut out", r.documents[i])
			}
			cut++
		}
		if whole := splice(r.text, cuts, r.documents); !bytes.Equal(whole, b) {
			t.Fatalf("got  %s\nwant %s", whole, b)
		}
	})
	if cut == 0 {
		t.Error("nothing was ever cut out")
	}
}

func TestLargeOutputIsCutWhole(t *testing.T) {
	output := document.MustParse(`{"text": "` + strings.Repeat("x", 5000) + `"}`)
	batch, err := encode([]event.Event{{Run: "r", Seq: 2, Body: event.AttemptSucceeded{Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Output: output}}})
	if err != nil {
		t.Fatal(err)
	}
	defer batch.done()
	r := batch.records[0]
	if len(r.documents) != 1 || !bytes.Equal(r.documents[0], output.Bytes()) {
		t.Errorf("%d documents were cut out", len(r.documents))
	}
}

func TestCutsOfAnotherKindAreRefused(t *testing.T) {
	for _, s := range []string{"[", "]", "1", "[1", "[]", "[a]", "[1,2]", "[100,1]", "[-1]", "[1,]", "[99999999999999999999]"} {
		cuts, err := parseCuts(s)
		for _, at := range cuts {
			if _, e := referenced([]byte(strings.Repeat("x", 300)), at); e != nil {
				err = e
			}
		}
		if err == nil {
			t.Errorf("%q was read as %v", s, cuts)
		}
	}
}

// The scanner reads only what was written here; it must end on anything all the
// same.
func FuzzLarge(f *testing.F) {
	f.Add([]byte(`{"a":"b","stored":[{"value":1}]}`))
	f.Add([]byte(`{"a"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		last := 0
		for begin, end := range large(b) {
			if begin < last || end > len(b) || end-begin < largeBytes {
				t.Fatalf("%d to %d of %d", begin, end, len(b))
			}
			last = end
		}
	})
}
