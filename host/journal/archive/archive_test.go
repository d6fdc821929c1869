package archive_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/archive"
	"github.com/chainrun/chainrun/host/journal/memory"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)

// small is a run with a bit of all: files that are the same, documents with line breaks.
func small(tb testing.TB) archive.Run {
	tb.Helper()
	made, err := journal.NewSources([]journal.Source{
		{Kind: journal.SourceGraph, Name: "/a/<graph>.toml", Content: []byte("version = 1\n")},
		{Kind: journal.SourceFile, Name: "empty"},
		{Kind: journal.SourceModule, Name: "n.wasm", Content: []byte("\x00asm\x01\x00\xff\xfe")},
		{Kind: journal.SourceFile, Name: "n.wasm", Content: []byte("\x00asm\x01\x00\xff\xfe")},
	})
	if err != nil {
		tb.Fatal(err)
	}
	a := event.Attempt{Step: "a", Node: "a", Number: 1}
	r := archive.Run{ID: "r", Made: made}
	for i, b := range []event.Body{
		event.RunStarted{Graph: "g", Plan: "sha256:0", Input: document.MustParse("{ \"a\" :\r\n\t[ 1.50 , \"\u2028<&>\" ] }"), Seed: event.Seed{1}},
		event.AttemptStarted{Attempt: a},
		event.AttemptSucceeded{Attempt: a, Output: document.MustParse(`[ 1,  2e3 ]`), Fuel: 1 << 63, CacheKey: "k", Stored: []event.Stored{{Space: "s", Key: "k"}}},
		event.RunFinished{Status: event.Done, Output: document.MustParse(`"\u0000😀"`)},
	} {
		r.Events = append(r.Events, event.Event{Run: "r", Seq: uint64(i + 1), Time: epoch, Body: b})
	}
	return r
}

func written(tb testing.TB, r archive.Run) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := archive.Write(&b, r); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// same compares two runs byte for byte.
func same(t rapid.TB, got, want archive.Run) {
	t.Helper()
	if got.ID != want.ID || len(got.Events) != len(want.Events) || (got.Made == nil) != (want.Made == nil) {
		t.Fatalf("run %q with %d events came back as %q with %d", want.ID, len(want.Events), got.ID, len(got.Events))
	}
	for i := range got.Events {
		a, err := event.Encode(got.Events[i])
		b, err2 := event.Encode(want.Events[i])
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Fatalf("event %d came back as\n%q, was\n%q (%v, %v)", i+1, a, b, err, err2)
		}
	}
	if got.Made == nil {
		return
	}
	if got.Made.Digest != want.Made.Digest || !bytes.Equal(got.Made.List, want.Made.List) {
		t.Fatalf("it is made of %s, was of %s", got.Made.List, want.Made.List)
	}
	for i, f := range got.Made.Files {
		if w := want.Made.Files[i]; f.Digest != w.Digest || !bytes.Equal(f.Content, w.Content) {
			t.Fatalf("file %d is another", i)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	want := small(t)
	text := written(t, want)
	if n := strings.Count(string(text), "\n"); n != 1+3+4+4+1 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(text), "by bytes": iotest.OneByteReader(bytes.NewReader(text)),
		"with its end": iotest.DataErrReader(bytes.NewReader(text)), "compressed": bytes.NewReader(zipped(t, text)),
		"in two pieces": bytes.NewReader(append(zipped(t, text[:99]), zipped(t, text[99:])...)),
	} {
		got, err := archive.Read(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, got, want)
		if again := written(t, got); !bytes.Equal(again, text) {
			t.Errorf("%s: written again it is\n%s", name, again)
		}
	}
	want.Made = nil
	got, err := archive.Read(bytes.NewReader(written(t, want)))
	if err != nil || got.Made != nil {
		t.Fatalf("%+v, %v", got.Made, err)
	}
	same(t, got, want)
	if want.Made, err = journal.NewSources(nil); err != nil {
		t.Fatal(err)
	}
	if got, err = archive.Read(bytes.NewReader(written(t, want))); err != nil || got.Made == nil {
		t.Fatalf("%+v, %v", got.Made, err)
	}
}

// A file that takes several lines.
func TestLargeFile(t *testing.T) {
	for _, size := range []int{3<<20 - 1, 3 << 20, 3<<20 + 1, 6 << 20} {
		want := small(t)
		var err error
		want.Made, err = journal.NewSources([]journal.Source{{Kind: journal.SourceModule, Name: "m", Content: bytes.Repeat([]byte{7}, size)}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := archive.Read(bytes.NewReader(written(t, want)))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		same(t, got, want)
	}
}

// The largest event, escaped, has room on its line.
func TestLargestDocument(t *testing.T) {
	want := small(t)
	large := document.MustParse("[\n" + strings.Repeat(`"\"",`, 3_000_000) + "0]")
	want.Events[2].Body = event.AttemptSucceeded{Attempt: event.Attempt{Step: "a", Node: "a", Number: 1}, Output: large}
	got, err := archive.Read(bytes.NewReader(written(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

func zipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// Whatever a run is, its text gives it back.
func TestRoundTripOfAnyRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := "r" + rapid.String().Draw(t, "run")
		documents := rapid.SampledFrom([]string{"null", "1.50", "{\n \"a\" :\r\n[1, 2]\t}", `"\u0000\ud83d\ude00 <&>"`, "\"\u2028\"", `"` + strings.Repeat("x", 5000) + `"`})
		r := archive.Run{ID: run, Events: []event.Event{{Run: run, Seq: 1, Time: epoch, Body: event.RunStarted{
			Graph: rapid.String().Draw(t, "graph"), Input: document.MustParse(documents.Draw(t, "input")),
		}}}}
		for i := range rapid.IntRange(0, 8).Draw(t, "events") {
			r.Events = append(r.Events, event.Event{Run: run, Seq: uint64(i + 2), Time: epoch, Body: event.SignalReceived{
				Step: rapid.String().Draw(t, "step"), Document: document.MustParse(documents.Draw(t, "document")),
			}})
		}
		if rapid.Bool().Draw(t, "known") {
			var files []journal.Source
			for range rapid.IntRange(0, 5).Draw(t, "files") {
				files = append(files, journal.Source{
					Kind:    rapid.SampledFrom([]journal.SourceKind{journal.SourceGraph, journal.SourceFile, journal.SourceModule}).Draw(t, "kind"),
					Name:    rapid.String().Draw(t, "name"),
					Content: []byte(rapid.SampledFrom([]string{"", "a", "b", "\xff"}).Draw(t, "content")),
				})
			}
			made, err := journal.NewSources(files)
			if err != nil {
				t.Fatal(err)
			}
			r.Made = made
		}
		var b bytes.Buffer
		if err := archive.Write(&b, r); err != nil {
			t.Fatal(err)
		}
		got, err := archive.Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, r)
	})
}

// Any byte that is changed, left out or cut off is noticed.
func TestDamage(t *testing.T) {
	text := written(t, small(t))
	told := func(what string, b []byte) {
		t.Helper()
		r, err := archive.Read(bytes.NewReader(b))
		if err == nil || r.Events != nil {
			t.Errorf("%s: nobody says so", what)
		} else if !errors.Is(err, archive.ErrDamaged) && !errors.Is(err, archive.ErrFormat) && !errors.Is(err, archive.ErrVersion) &&
			!errors.Is(err, event.ErrVersion) && !errors.Is(err, event.ErrType) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range text {
		for _, flip := range []byte{1, 0x20, 0x80} {
			bad := slices.Clone(text)
			bad[i] ^= flip
			told(fmt.Sprintf("byte %d is %q", i, bad[i]), bad)
		}
		told(fmt.Sprintf("byte %d is missing", i), slices.Delete(slices.Clone(text), i, i+1))
		told(fmt.Sprintf("cut off at %d", i), text[:i])
	}
	packed := zipped(t, text)
	for i := range packed[:len(packed)-1] {
		if _, err := archive.Read(bytes.NewReader(packed[:i])); err == nil {
			t.Errorf("cut off at %d, compressed: nobody says so", i)
		}
	}
	told("more", append(slices.Clone(text), '\n'))
	told("twice", append(slices.Clone(text), text...))
}

// resum gives lines a digest that is right.
func resum(lines ...string) string {
	text := strings.Join(lines, "\n") + "\n"
	sum := sha256.Sum256([]byte(text))
	return text + `{"sha256":"` + hex.EncodeToString(sum[:]) + `"}` + "\n"
}

// What has a right digest may be hostile still.
func TestHostile(t *testing.T) {
	const content = `{"digest":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","content":"YQ=="}` // "a"
	const digest = `"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"`
	const empty = `{"digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","content":""}`
	b, err := event.Encode(small(t).Events[1])
	if err != nil {
		t.Fatal(err)
	}
	one := `{"event":{"version":1,"type":"run_started","run":"r","seq":1,"time":"2026-01-01T00:00:00.000000Z","graph":"g","plan":"p","seed":"` + strings.Repeat("00", 32) + `","input":1}}`
	two := `{"event":` + string(b) + `}`
	head := func(members string) string { return `{"format":"chainrun run","version":1,"run":"r",` + members + `}` }
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"a good one", resum(head(`"contents":0,"events":2`), one, two), nil},
		{"one with a file", resum(head(`"contents":1,"files":1,"events":1`), content, `{"kind":"file","name":"a","digest":`+digest+`}`, one), nil},
		{"nothing", "", archive.ErrFormat},
		{"another text", "my diary\n", archive.ErrFormat},
		{"an event", one, archive.ErrFormat},
		{"a later version", resum(`{"format":"chainrun run","version":2,"color":1}`), archive.ErrVersion},
		{"no version", resum(`{"format":"chainrun run","run":"r","contents":0,"events":1}`, one), archive.ErrDamaged},
		{"a negative version", resum(`{"format":"chainrun run","version":-1,"run":"r","contents":0,"events":1}`, one), archive.ErrDamaged},
		{"a line without end", `{"format":"chainrun run"`, archive.ErrDamaged},
		{"an unknown member", resum(head(`"contents":0,"events":1,"color":1`), one), archive.ErrDamaged},
		{"a member twice", resum(head(`"contents":0,"events":1,"events":1`), one), archive.ErrDamaged},
		{"no events", resum(head(`"contents":0,"events":0`)), archive.ErrDamaged},
		{"fewer events than none", resum(head(`"contents":0,"events":-1`)), archive.ErrDamaged},
		{"many events", resum(head(`"contents":0,"events":9000000000000000000`), one), archive.ErrDamaged},
		{"more events than numbers", resum(head(`"contents":0,"events":1e99`), one), archive.ErrDamaged},
		{"many files", resum(head(`"contents":0,"files":9000000000000,"events":1`), one), archive.ErrDamaged},
		{"many contents", resum(head(`"contents":9000000000000,"files":1,"events":1`), one), archive.ErrDamaged},
		{"contents without files", resum(head(`"contents":1,"events":1`), content, one), archive.ErrDamaged},
		{"more events than are said", resum(head(`"contents":0,"events":1`), one, two), archive.ErrDamaged},
		{"another event's run", resum(`{"format":"chainrun run","version":1,"run":"q","contents":0,"events":1}`, one), archive.ErrDamaged},
		{"no first event", resum(head(`"contents":0,"events":1`), two), archive.ErrDamaged},
		{"the first event twice", resum(head(`"contents":0,"events":2`), one, one), archive.ErrDamaged},
		{"no event", resum(head(`"contents":0,"events":1`), `{}`), archive.ErrDamaged},
		{"two events in one", resum(head(`"contents":0,"events":1`), one[:len(one)-1]+`,"text":"{}"}`), archive.ErrDamaged},
		{"a member in capitals", resum(head(`"contents":0,"events":1`), strings.Replace(one, "event", "EVENT", 1)), archive.ErrDamaged},
		{"an event for other readers", resum(head(`"contents":0,"events":1`), one[:len(one)-1]+`,"EVENT":`+strings.Replace(one[len(`{"event":`):], `"input":1`, `"input":2`, 1)), archive.ErrDamaged},
		{"an input for other readers", resum(head(`"contents":0,"events":1`), strings.Replace(one, `"input":1`, `"input":1,"Input":2`, 1)), archive.ErrDamaged},
		{"an event in another order", resum(head(`"contents":0,"events":1`), strings.Replace(one, `"graph":"g","plan":"p"`, `"plan":"p","graph":"g"`, 1)), archive.ErrDamaged},
		{"a head for other readers", resum(head(`"contents":0,"events":1,"Run":"r"`), one), archive.ErrDamaged},
		{"a list", resum(head(`"contents":0,"events":1`), `[]`), archive.ErrDamaged},
		{"null", resum(head(`"contents":0,"events":1`), `null`), archive.ErrDamaged},
		{"an empty line", resum(head(`"contents":0,"events":1`), ``, one), archive.ErrDamaged},
		{"a later event", resum(head(`"contents":0,"events":1`), strings.Replace(one, `"version":1`, `"version":2`, 1)), event.ErrVersion},
		{"an unknown event", resum(head(`"contents":0,"events":1`), strings.Replace(one, "run_started", "run_dreamt", 1)), event.ErrType},
		{"a deep line", resum(head(`"contents":0,"events":1`), `{"event":`+strings.Repeat("[", 1e6)+`}`), archive.ErrDamaged},
		{"content of another digest", resum(head(`"contents":1,"files":1,"events":1`), strings.Replace(content, "YQ", "Yg", 1), `{"kind":"file","name":"a","digest":`+digest+`}`, one), archive.ErrDamaged},
		{"no base64", resum(head(`"contents":1,"files":1,"events":1`), strings.Replace(content, "YQ==", "*", 1), one), archive.ErrDamaged},
		{"base64 in other bits", resum(head(`"contents":1,"files":1,"events":1`), strings.Replace(content, "YQ", "YR", 1), `{"kind":"file","name":"a","digest":`+digest+`}`, one), archive.ErrDamaged},
		{"content twice", resum(head(`"contents":2,"files":2,"events":1`), content, content, one), archive.ErrDamaged},
		{"content of nobody", resum(head(`"contents":2,"files":2,"events":1`), content, empty, `{"kind":"file","name":"a","digest":`+digest+`}`, `{"kind":"file","name":"b","digest":`+digest+`}`, one), archive.ErrDamaged},
		{"pieces for ever", resum(head(`"contents":1,"files":1,"events":1`), content[:len(content)-1]+`,"more":true}`, content, one), archive.ErrDamaged},
		{"a file without content", resum(head(`"contents":0,"files":1,"events":1`), `{"kind":"file","name":"a","digest":`+digest+`}`, one), archive.ErrDamaged},
		{"another kind of file", resum(head(`"contents":1,"files":1,"events":1`), content, `{"kind":"socket","name":"a","digest":`+digest+`}`, one), archive.ErrDamaged},
		{"a digest in capitals", strings.ToUpper(resum(head(`"contents":0,"events":1`), one)), archive.ErrFormat},
	} {
		_, err := archive.Read(strings.NewReader(c.text))
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if errors.Is(c.want, archive.ErrVersion) && !strings.Contains(fmt.Sprint(err), "a later version") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// endless gives the same line for ever.
type endless struct{ line []byte }

func (e endless) Read(b []byte) (int, error) {
	for n := 0; ; {
		k := copy(b[n:], e.line)
		if n += k; k < len(e.line) {
			return n, nil
		}
	}
}

// What has no end is given up, and what unpacks to more than it may be is.
func TestBounds(t *testing.T) {
	head := `{"format":"chainrun run","version":1,"run":"r","contents":0,"events":4000000}` + "\n"
	for name, r := range map[string]io.Reader{
		"a line without end": io.MultiReader(strings.NewReader(head), endless{[]byte(" ")}),
		"a head without end": io.MultiReader(strings.NewReader(head[:40]), endless{[]byte(" ")}),
	} {
		if _, err := archive.Read(r); !errors.Is(err, archive.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := written(t, small(t))
	for _, most := range []int64{0, 1, 100, int64(len(text)) - 1} {
		if _, err := archive.ReadAtMost(bytes.NewReader(text), most); !errors.Is(err, archive.ErrTooLarge) {
			t.Errorf("at most %d of %d bytes: %v", most, len(text), err)
		}
	}
	if _, err := archive.ReadAtMost(bytes.NewReader(text), int64(len(text))); err != nil {
		t.Error(err)
	}
	bomb := zipped(t, append([]byte(head), bytes.Repeat([]byte(" "), 64<<20)...))
	if _, err := archive.ReadAtMost(bytes.NewReader(bomb), 1<<20); !errors.Is(err, archive.ErrTooLarge) || len(bomb) > 1<<17 {
		t.Errorf("%d bytes that unpack to 64 MiB: %v", len(bomb), err)
	}
	broken := errors.New("no more")
	if _, err := archive.Read(io.MultiReader(bytes.NewReader(text[:500]), iotest.ErrReader(broken))); !errors.Is(err, broken) || errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, change := range map[string]func(*archive.Run){
		"no events":     func(r *archive.Run) { r.Events = nil },
		"a gap":         func(r *archive.Run) { r.Events = append(r.Events[:1], r.Events[2:]...) },
		"no beginning":  func(r *archive.Run) { r.Events = r.Events[1:] },
		"another id":    func(r *archive.Run) { r.ID = "q" },
		"two runs":      func(r *archive.Run) { r.Events[1].Run = "q" },
		"other content": func(r *archive.Run) { r.Made.Files[0].Content = nil },
	} {
		r := small(t)
		change(&r)
		var b bytes.Buffer
		if err := archive.Write(&b, r); err == nil || b.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes are written", name, err, b.Len())
		}
	}
	r := small(t)
	r.Events[1].Time = r.Events[1].Time.Add(1)
	if err := archive.Write(io.Discard, r); err == nil {
		t.Error("an event was written that has no encoding")
	}
	if err := archive.Write(failing{}, small(t)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// From one store to the next, and on: all bytes stay.
func TestFromStoreToStore(t *testing.T) {
	want := small(t)
	first, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := first.Begin(t.Context(), want.Made, want.Events...); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Load(t.Context(), first, "r")
	if err != nil {
		t.Fatal(err)
	}
	same(t, a, want)
	read, err := archive.Read(bytes.NewReader(written(t, a)))
	if err != nil {
		t.Fatal(err)
	}
	second := memory.New()
	if err := second.Import(t.Context(), read.Made, read.Events); err != nil {
		t.Fatal(err)
	}
	b, err := archive.Load(t.Context(), second, "r")
	if err != nil {
		t.Fatal(err)
	}
	same(t, b, want)
	third, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if err := third.Import(t.Context(), b.Made, b.Events); err != nil {
		t.Fatal(err)
	}
	c, err := archive.Load(t.Context(), third, "r")
	if err != nil {
		t.Fatal(err)
	}
	same(t, c, want)
	if _, _, found, err := third.Cached(t.Context(), "k"); found || err != nil {
		t.Errorf("an output of another store is found: %v", err)
	}
	if err := third.Verify(t.Context(), func(e *sqlite.CorruptError) { t.Error(e) }); err != nil {
		t.Error(err)
	}
	if _, err := archive.Load(t.Context(), second, "nobody"); !errors.Is(err, journal.ErrUnknownRun) {
		t.Errorf("a run that is not there: %v", err)
	}
}

// FuzzRead: what is read is written and read to the same; nothing panics.
func FuzzRead(f *testing.F) {
	text := written(f, small(f))
	f.Add(text)
	f.Add(zipped(f, text))
	f.Add([]byte(resum(`{"format":"chainrun run","version":1,"run":"r","contents":0,"files":0,"events":1}`, `{"text":"{}"}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range [][]byte{b, []byte(resum(strings.Split(strings.TrimRight(string(b), "\n"), "\n")...))} {
			r, err := archive.ReadAtMost(bytes.NewReader(text), 1<<20)
			if err != nil {
				continue
			}
			again, err := archive.Read(bytes.NewReader(written(t, r)))
			if err != nil {
				t.Fatal(err)
			}
			same(t, again, r)
		}
	})
}
