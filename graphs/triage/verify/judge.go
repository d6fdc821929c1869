package main

// This file judges what the model wrote.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	attempts = 4 // of a turn
	turns    = 2
)

// line is one call in the cassette.
type line struct {
	Step    string
	Attempt int
	Request struct {
		Messages []struct{ Content string }
	}
	Answer *struct {
		Content string
		Usage   struct {
			Input  int `json:"input_tokens"`
			Output int `json:"output_tokens"`
		}
	}
}

func readCassette(text []byte) (map[string][]line, error) {
	steps := map[string][]line{}
	for i, row := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if i == 0 {
			continue // names the format
		}
		var l line
		if err := json.Unmarshal(row, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		steps[l.Step] = append(steps[l.Step], l)
	}
	for _, calls := range steps {
		slices.SortFunc(calls, func(a, b line) int { return a.Attempt - b.Attempt })
	}
	return steps, nil
}

// figures are what there is to tell of a run.
type figures struct {
	messages, calls, malformed, failed int
	firstTry, repaired, mended         int // tickets: at once, after feedback, once an invented quote was refused
	invented                           int // well formed answers whose quote stands nowhere
	inputTokens, outputTokens          int
	wellFormed                         [attempts + 1]int // steps whose answer was a ticket at attempt n
	violations, queues, why            map[string]int
}

func (f figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the report says what the model's answers come to\n")
	fmt.Fprintf(&b, "%d messages, %d answers of %d + %d tokens, %d calls that failed\n", f.messages, f.calls, f.inputTokens, f.outputTokens, f.failed)
	fmt.Fprintf(&b, "%d answers were malformed, %d well formed and invented\n", f.malformed, f.invented)
	for _, v := range slices.Sorted(maps.Keys(f.violations)) {
		fmt.Fprintf(&b, "  %4d  %s\n", f.violations[v], v)
	}
	fmt.Fprintf(&b, "well formed at the first answer %d, at the second %d, third %d, fourth %d\n", f.wellFormed[1], f.wellFormed[2], f.wellFormed[3], f.wellFormed[4])
	fmt.Fprintf(&b, "true tickets: %d at once, %d after feedback of the schema, %d after an invented one was refused\n", f.firstTry, f.repaired, f.mended)
	fmt.Fprintf(&b, "queues %v, of the people's %v\n", f.queues, f.why)
	return b.String()
}

// judge says where message i belongs, and takes its answers from steps.
func (f *figures) judge(m message, steps map[string][]line, i int) (filed, error) {
	to := filed{ID: m.ID, Subject: m.Subject, Queue: "human"}
	repaired := false
	for turn := 1; turn <= turns; turn++ {
		step := fmt.Sprintf("each#%d/extract[%d]", i, turn)
		calls := steps[step]
		delete(steps, step)
		if len(calls) == 0 {
			return to, fmt.Errorf("the cassette has no answer of %s", step)
		}
		var t *ticket
		for n, call := range calls {
			asked := call.Request.Messages[len(call.Request.Messages)-1].Content
			if !strings.HasSuffix(asked, "Subject: "+m.Subject+"\n"+m.Text) {
				return to, fmt.Errorf("%s: attempt %d is about another message", step, call.Attempt)
			}
			if call.Attempt != n+1 {
				return to, fmt.Errorf("%s: there is no answer of attempt %d; did it run out of time when it was recorded?", step, n+1)
			}
			if t != nil {
				return to, fmt.Errorf("%s: attempt %d comes after a ticket that was well formed", step, call.Attempt)
			}
			if call.Answer == nil {
				f.failed++
				continue
			}
			f.calls++
			f.inputTokens += call.Answer.Usage.Input
			f.outputTokens += call.Answer.Usage.Output
			var violations []string
			if t, violations = read(call.Answer.Content); t == nil {
				f.malformed++
				for _, v := range violations {
					f.violations[v]++
				}
			} else {
				f.wellFormed[min(call.Attempt, attempts)]++
			}
			repaired = repaired || n > 0
		}
		switch {
		case t == nil && calls[len(calls)-1].Attempt != attempts:
			return to, fmt.Errorf("%s: given up after attempt %d", step, calls[len(calls)-1].Attempt)
		case t == nil:
			to.Why = "unreadable"
			return to, nil
		case strings.Contains(m.Text, t.Quote) || strings.Contains(m.Subject, t.Quote):
			to.Queue, to.Ticket = queue(*t), t
			switch {
			case turn > 1:
				f.mended++
			case repaired:
				f.repaired++
			default:
				f.firstTry++
			}
			return to, nil
		}
		f.invented++
	}
	to.Why = "invented"
	return to, nil
}

func queue(t ticket) string {
	switch {
	case t.Category == "advertisement":
		return "spam"
	case t.Urgency == "high":
		return "urgent"
	}
	return "normal"
}

// read reads a ticket as strictly as the graph means it: one object, each of four
// keys once. It says what is wrong where there is none.
func read(text string) (*ticket, []string) {
	fields, err := object(text)
	if err != nil {
		return nil, []string{err.Error()}
	}
	var wrong []string
	value := func(key string, ok func(string) bool, rule string) string {
		raw, there := fields[key]
		var s string
		switch {
		case !there:
			wrong = append(wrong, key+" is missing")
		case json.Unmarshal(raw, &s) != nil || raw[0] != '"':
			wrong = append(wrong, key+" is no text")
		case !ok(s):
			wrong = append(wrong, key+" "+rule)
		}
		delete(fields, key)
		return s
	}
	length := func(least, most int) func(string) bool {
		return func(s string) bool { n := utf8.RuneCountInString(s); return least <= n && n <= most }
	}
	among := func(values ...string) func(string) bool {
		return func(s string) bool { return slices.Contains(values, s) }
	}
	t := &ticket{
		Quote:    value("quote", length(10, 200), "is too long or too short"),
		Product:  value("product", length(2, 40), "is too long or too short"),
		Category: value("category", among("question", "issue", "advertisement", "other"), "is none of the four"),
		Urgency:  value("urgency", among("low", "normal", "high"), "is none of the three"),
	}
	if len(fields) > 0 {
		wrong = append(wrong, "there are other keys")
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return t, nil
}

var (
	errNoJSON   = errors.New("the answer is no JSON")
	errNoObject = errors.New("the answer is no object")
	errTwice    = errors.New("a key is there twice")
)

// object reads one JSON object and nothing behind it.
func object(text string) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(strings.NewReader(text))
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
		return nil, errNoJSON
	}
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, errNoJSON
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errNoJSON
		}
		if _, twice := fields[name]; twice {
			return nil, errTwice
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errNoJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoJSON
	}
	return fields, nil
}
