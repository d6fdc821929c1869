package sqlite

// docs/lineage.md: its questions get the answers that are right, by the driver and by
// the sqlite3 shell.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/journal"
)

// teller tells what happens in a run, a second after the other.
type teller struct {
	t    *testing.T
	s    *Store
	run  string
	made *journal.Sources
	at   time.Time
	seq  uint64
}

func (r *teller) tell(b event.Body) {
	r.t.Helper()
	r.seq++
	r.at = r.at.Add(1250 * time.Millisecond)
	e := event.Event{Run: r.run, Seq: r.seq, Time: r.at, Body: b}
	var err error
	if r.seq == 1 {
		err = r.s.Begin(r.t.Context(), r.made, e)
	} else {
		err = r.s.Append(r.t.Context(), e)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *teller) succeeds(step, node string, number int, output, key string, from *event.Origin) {
	r.t.Helper()
	a := event.Attempt{Step: step, Node: node, Number: number}
	r.tell(event.AttemptStarted{Attempt: a})
	r.tell(event.AttemptSucceeded{Attempt: a, Output: document.MustParse(output), Fuel: 1000, CacheKey: key, From: from})
}

const (
	customer = `"The customer wants a refund \u2014 \"today\"."`
	// It is large and looks like an object in which a reference stands.
	polite = `{"text":"We refund it, of course. `
)

var long = strings.Repeat("And we are sorry. ", 100)

// asks is an attempt that asks a model.
func (r *teller) asks(number int, answer string) {
	r.t.Helper()
	a := event.Attempt{Step: "draft", Node: "draft", Number: number}
	r.tell(event.AttemptStarted{Attempt: a})
	r.tell(event.CapabilityAnswered{
		Attempt: a, Ordinal: 1, Capability: "llm", Method: "chat", Key: "k",
		Request: document.MustParse(`{"prompt":` + customer + `,"pad":"` + long + `"}`), Answer: document.MustParse(answer),
		Usage: event.Usage{Calls: 1, Bytes: 3000, InputTokens: 700, OutputTokens: 50, Cost: 2_500_000}, Took: 750 * time.Millisecond,
	})
}

// support is a run that drafts an answer, scores it in three ways, has it approved
// and publishes it.
func support(t *testing.T, s *Store, made *journal.Sources, run string, at time.Time, forked *event.Forked, answer string) {
	t.Helper()
	r := &teller{t: t, s: s, run: run, made: made, at: at}
	was := func(step, node string, number int) *event.Origin {
		if forked == nil {
			return nil
		}
		return &event.Origin{Run: forked.Run, Attempt: event.Attempt{Step: step, Node: node, Number: number}}
	}
	r.tell(event.RunStarted{Graph: "support", Plan: "sha256:7", Input: document.MustParse(`{"order":4711,"mail":` + customer + `}`), Engine: "wazero", Forked: forked})
	r.succeeds("read", "read", 1, customer, "", was("read", "read", 1))
	r.asks(1, `{"choices":[]}`)
	r.tell(event.AttemptFailed{Attempt: event.Attempt{Step: "draft", Node: "draft", Number: 1}, Fuel: 40, Output: document.MustParse(`{"text":7}`), Failure: failure.Failure{
		Code: failure.InvalidOutput, Message: "it breaks the schema", Violations: []failure.Violation{
			{Pointer: "/text", Keyword: "type", Message: "it is no string", Found: "7"},
			{Pointer: "/tone", Keyword: "required", Message: "it is missing " + long},
		},
	}})
	r.asks(2, answer)
	r.tell(event.AttemptSucceeded{Attempt: event.Attempt{Step: "draft", Node: "draft", Number: 2}, Output: document.MustParse(answer), Fuel: 60})
	for i := range 3 {
		step := fmt.Sprintf("score#%d", i)
		r.succeeds(step, "score", 1, strconv.Itoa(i), "key"+step, was(step, "score", 1))
	}
	r.tell(event.StepSucceeded{Step: "score", Node: "score"})
	r.tell(event.StepSkipped{Step: "escalate", Node: "escalate"})
	if run == "open" {
		r.tell(event.AttemptStarted{Attempt: event.Attempt{Step: "publish", Node: "publish", Number: 1}})
		return
	}
	r.tell(event.SignalReceived{Step: "approve", Document: document.MustParse(`{"approved":true,"note":"` + long + `"}`)})
	if run == "broken" {
		a := event.Attempt{Step: "publish", Node: "publish", Number: 1}
		f := failure.Failure{Code: failure.NodeError, Reason: "no_paper", Message: "the printer is empty", Step: "publish"}
		r.tell(event.AttemptStarted{Attempt: a})
		r.tell(event.AttemptFailed{Attempt: a, Failure: f})
		r.tell(event.RunFinished{Status: event.Failed, Failure: &f})
		return
	}
	// A text that looks like a reference to a document that there is, and is none.
	sum := sha256.Sum256([]byte(answer))
	r.succeeds("publish", "publish", 1, `"sha256:`+hex.EncodeToString(sum[:])+`"`, "", nil)
	r.tell(event.RunFinished{Status: event.Done, Output: document.MustParse(answer)})
}

// told makes a store with runs of which all the questions can be asked.
func told(t *testing.T, path string) *Store {
	t.Helper()
	s := openOn(t, path, nil)
	made, err := journal.NewSources([]journal.Source{
		{Kind: journal.SourceGraph, Name: "support.toml", Content: []byte("version = 1\n")},
		{Kind: journal.SourceModule, Name: "draft.wasm", Content: []byte("\x00asm")},
	})
	if err != nil {
		t.Fatal(err)
	}
	support(t, s, made, "OTHER", moment, nil, polite+long+`"}`)
	support(t, s, made, "RUN", moment.Add(time.Hour), &event.Forked{Run: "OTHER", Step: "draft", Input: document.MustParse(`"` + long + `"`)}, polite+long+long+`"}`)
	support(t, s, nil, "open", moment.Add(25*time.Hour), nil, `{"text":"no"}`)
	support(t, s, nil, "broken", moment.Add(26*time.Hour), nil, `{"text":"no"}`)
	return s
}

// statements gives the SQL of a page, by the heading before it.
func statements(t *testing.T, page string) (list [][2]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	heading := ""
	for _, m := range regexp.MustCompile("(?sm)^## (.*?)$|^```sql\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		if m[2] == "" {
			heading = m[1]
			continue
		}
		list = append(list, [2]string{heading, m[2]})
	}
	return list
}

// asked gives the rows of a statement, columns divided by "|".
func asked(t *testing.T, c *connection, sql string) (rows []string) {
	t.Helper()
	if err := c.query(sql, nil, func(st *sqlite3.Stmt) (bool, error) {
		var row []string
		for i := range st.ColumnCount() {
			row = append(row, st.ColumnText(i))
		}
		rows = append(rows, strings.Join(row, "|"))
		return true, nil
	}); err != nil {
		t.Errorf("%s\n%v", sql, err)
	}
	return rows
}

func TestLineage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := told(t, path)
	answer := polite + long + long + `"}`
	sum := sha256.Sum256([]byte("\x00asm"))
	module := hex.EncodeToString(sum[:])
	wants := map[string][][]string{ // of each statement below a heading, its rows
		"Which step made this value?": {
			{"RUN|read|1|2027-01-15T09:00:03.750000Z|" + customer},
			{"broken|read|", "open|read|", "RUN|draft|", "RUN|read|", "OTHER|draft|", "OTHER|read|"},
		},
		"What did the model answer?": {
			{`draft|1|1|chat|0.75|750|{"prompt":` + customer + `,"pad":"` + long + `"}|{"choices":[]}|`, `draft|2|1|chat|0.75|750|{"prompt":` + customer + `,"pad":"` + long + `"}|` + answer + `|`},
		},
		"What was tried again, and why?": {
			{"draft|1|invalid_output||it breaks the schema|2|done"},
			{"draft|1|/text|type|it is no string|7", "draft|1|/tone|required|it is missing And we"},
		},
		"Which nodes fail most?": {{"support|draft|invalid_output||4|4", "support|publish|node_error|no_paper|1|1"}},
		"What did it cost?": {
			{"2027-01-16|draft|4|3000|0.01", "2027-01-15|draft|4|3000|0.01"},
			{"support|0.005|1500", "support|0.005|1500", "support|0.005|1500", "support|0.005|1500"},
		},
		"What is slow?": {
			{"draft|2|6.25|100|1.5", "publish|1|1.25|1000|", "read|1|1.25|1000|", "score#0|1|1.25|1000|", "score#1|1|", "score#2|1|"},
			{"draft|8|2.5|2.5|400", "publish|3|", "read|3|1.25|1.25|3000", "score|9|1.25|1.25|9000"},
		},
		"Which runs used this module?": {
			{"OTHER|support|draft.wasm", "RUN|support|draft.wasm"},
			{"sha256:|2|2027-01-15 08:00:01"},
		},
		"What came from the cache?": {
			{"score|3|1|3000"},
			{"score#0|OTHER|score#0", "score#1|OTHER|score#1", "score#2|OTHER|score#2"},
		},
		"What did a fork take over?": {
			{
				"OTHER|draft|read|taken over|done", "OTHER|draft|draft|executed|done", "OTHER|draft|score#0|taken over|done", "OTHER|draft|score#1|taken over|done",
				"OTHER|draft|score#2|taken over|done", "OTHER|draft|score|executed|done", "OTHER|draft|escalate|executed|skipped", "OTHER|draft|approve|executed|done", "OTHER|draft|publish|executed|done",
			},
			{"0|OTHER|done", "1|RUN|done"},
		},
		"Where do two runs differ?": {
			{"read|same|" + customer, "draft|differs|" + answer + "|" + polite, "score#0|same|0|0", "score#1|same|1|1", "score#2|same|2|2", `approve|same|{"approved":true,"note":"` + long, `publish|differs|"sha256:`},
		},
		"What is still open?":              {{"open|support|publish|2027-01-16 09:00:01"}},
		"Who made the runs of this input?": {{"OTHER|2027-01-15T08:00:01.250000Z|sha256:7|done|" + polite, "RUN|", "open|", "broken|"}},
	}
	next := map[string]int{}
	for _, st := range statements(t, "lineage.md") {
		heading, sql := st[0], regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(st[1], module)
		n := next[heading]
		next[heading]++
		rows := asked(t, s.writer.connection, sql)
		if n >= len(wants[heading]) {
			t.Errorf("%s: nothing is expected of\n%s\nwhich gave %q", heading, sql, rows)
			continue
		}
		want := wants[heading][n]
		good := len(rows) == len(want)
		for i := range min(len(rows), len(want)) {
			// What comes after what was written down may vary.
			if rest, ok := strings.CutPrefix(want[i], "sha256:|"); ok {
				good = good && strings.Contains(rows[i], rest)
			} else if strings.HasPrefix(want[i], "support|0.005") {
				good = good && strings.HasSuffix(rows[i], want[i])
			} else {
				good = good && strings.HasPrefix(rows[i], want[i])
			}
		}
		if !good {
			t.Errorf("%s\n%s\ngave\n%.2000s\nwant\n%.2000s", heading, sql, strings.Join(rows, "\n"), strings.Join(want, "\n"))
		}
	}
	for heading, list := range wants {
		if next[heading] != len(list) {
			t.Errorf("%s: %d statements, %d are expected", heading, next[heading], len(list))
		}
	}
}

// The shell gives what the driver gives, while the store is open.
func TestLineageInTheShell(t *testing.T) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("the sqlite3 shell is not installed: apt-get install sqlite3")
	}
	version, err := exec.CommandContext(t.Context(), shell, "--version").Output()
	var major, minor int
	if _, e := fmt.Sscanf(string(version), "%d.%d", &major, &minor); err != nil || e != nil || major*1000+minor < 3040 {
		t.Skipf("the sqlite3 shell is older than 3.40: %s", version)
	}
	path := filepath.Join(t.TempDir(), "runs.db")
	s := told(t, path)
	for _, page := range []string{"lineage.md", "journal.md"} {
		for _, st := range statements(t, page) {
			cmd := exec.CommandContext(t.Context(), shell, "-readonly", "-json", path)
			cmd.Stdin = strings.NewReader(st[1])
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			out, err := cmd.Output()
			if err != nil || complaints.Len() > 0 {
				t.Errorf("%s: %s\n%v: %s", page, st[1], err, &complaints)
				continue
			}
			var rows []json.RawMessage
			if len(out) > 0 {
				if err := json.Unmarshal(out, &rows); err != nil {
					t.Errorf("%s: %s\n%v: %.300s", page, st[1], err, out)
				}
			}
			if want := asked(t, s.writer.connection, st[1]); len(rows) != len(want) {
				t.Errorf("%s: %s\nthe shell gives %d rows, the driver %d", page, st[1], len(rows), len(want))
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), shell, "-readonly", path,
		"SELECT answer FROM calls WHERE run = 'RUN' AND attempt = 2; SELECT output FROM results WHERE run = 'RUN'; SELECT message FROM results WHERE run = 'broken'").Output()
	answer := polite + long + long + `"}`
	if want := answer + "\n" + answer + "\nthe printer is empty\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
}
