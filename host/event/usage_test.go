package event_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
)

func TestCostText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 1: "0.000000001", 1_250_000: "0.00125", 1e9: "1", 1_500_000_000: "1.5", 123_000_000_001: "123.000000001",
		-1: "-0.000000001", -2_500_000_000: "-2.5", math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := event.CostText(n); got != want {
			t.Errorf("%d billionths are %s, want %s", n, got, want)
		}
	}
}

func TestUsageAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Min(0)
		u := event.Usage{Calls: n.Draw(t, "calls"), Bytes: n.Draw(t, "bytes"), InputTokens: n.Draw(t, "in"), OutputTokens: n.Draw(t, "out"), Cost: n.Draw(t, "cost")}
		b, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		var back event.Usage
		if err := json.Unmarshal(b, &back); err != nil || back != u {
			t.Fatalf("%s: %+v, %v", b, back, err)
		}
	})
}

func TestUsageAddsUp(t *testing.T) {
	a := event.Usage{Calls: 1, Bytes: 2, InputTokens: 3, OutputTokens: 4, Cost: 5}
	if got, want := a.Plus(a), (event.Usage{Calls: 2, Bytes: 4, InputTokens: 6, OutputTokens: 8, Cost: 10}); got != want || got.Tokens() != 14 {
		t.Errorf("%+v, want %+v", got, want)
	}
	most := event.Usage{Calls: math.MaxInt64, Bytes: math.MaxInt64, InputTokens: math.MaxInt64, OutputTokens: math.MaxInt64, Cost: math.MaxInt64}
	if got := most.Plus(a); got != most || got.Tokens() != math.MaxInt64 {
		t.Errorf("beyond the largest: %+v", got)
	}
}

func TestPartialLine(t *testing.T) {
	p := event.Partial{
		Run: "r1", Attempt: event.Attempt{Step: "a#0", Node: "a", Number: 2}, Ordinal: 3,
		Capability: "llm", Method: "chat", Document: document.MustParse("{\"text\":\n\"<é\"}"),
	}
	const want = `{"type":"capability_partial","run":"r1","step":"a#0","node":"a","attempt":2,"ordinal":3,"capability":"llm","method":"chat","document":{"text": "<é"}}`
	if b, err := event.PartialLine(p); err != nil || string(b) != want {
		t.Errorf("got  %s\nwant %s\n%v", b, want, err)
	}
	p.Document = document.Document{}
	if b, err := event.PartialLine(p); err == nil {
		t.Errorf("a part without a document is %s", b)
	}
}

// TestRoomForTheLargest: a request and an answer of the largest size are one
// event, and so are an output and the most that a success stores.
func TestRoomForTheLargest(t *testing.T) {
	most := document.Limits{}
	text := func(n int) document.Document {
		return document.Trusted([]byte(`"` + strings.Repeat("x", n-2) + `"`))
	}
	const largest = 16 << 20
	if err := text(largest).Within(most); err != nil {
		t.Fatal(err)
	}
	if text(largest+1).Within(most) == nil {
		t.Fatal("the largest document is larger than this test knows")
	}
	stored := event.Stored{Space: "s", Key: strings.Repeat("\x00", 1<<16)}
	stored.Value = text(event.MaxStoredBytes - event.StoredBytes([]event.Stored{stored}))
	for _, body := range []event.Body{
		event.CapabilityAnswered{Request: text(largest), Answer: text(largest), Key: strings.Repeat("0", 64)},
		event.AttemptSucceeded{Output: text(largest), Stored: []event.Stored{stored}},
	} {
		b, err := event.Encode(event.Event{Run: "r", Seq: 1, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := event.Decode(b); err != nil {
			t.Errorf("%s: %v", body.Type(), err)
		}
	}
	if got := event.StoredBytes([]event.Stored{stored}); got != event.MaxStoredBytes {
		t.Errorf("%d", got)
	}
}
