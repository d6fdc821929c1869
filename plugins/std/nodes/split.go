package nodes

// std:split and std:merge: a text or a list in parts, for foreach, and back.

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type splitConfig struct {
	By      string `json:"by,omitempty" jsonschema:"enum=characters,enum=words,enum=lines,enum=items" jsonschema_description:"what is counted: of a text characters, words (with the spaces behind them) or lines; of a list its items. Default: characters, or items."`
	Size    int    `json:"size" jsonschema:"minimum=1" jsonschema_description:"how many of these a part has at most."`
	Overlap int    `json:"overlap,omitempty" jsonschema:"minimum=0" jsonschema_description:"how many of these each part repeats of the one before."`
	At      string `json:"at,omitempty" jsonschema:"enum=anywhere,enum=words,enum=lines,enum=paragraphs,default=anywhere" jsonschema_description:"with characters: a part ends at the last such place that it has room for."`
}

func splitNode(ctx context.Context, input textOrList) (listOnly, error) {
	out, err := splitInput(ctx, json.RawMessage(input))
	return listOnly(out), err
}

func splitInput(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
	conf, err := node.Config[splitConfig](ctx)
	if err != nil {
		return nil, err
	}
	if conf.Size < 1 || conf.Overlap < 0 || conf.Overlap >= conf.Size {
		return nil, node.Errorf("bad_config", "size is %d and overlap %d: expected a size from 1, and an overlap that is less", conf.Size, conf.Overlap)
	}
	if conf.By == "items" || conf.By == "" && startsWith(input, '[') {
		return splitList(conf, input)
	}
	var text string
	if err := json.Unmarshal(input, &text); err != nil {
		return nil, node.Errorf("bad_input", "expected a text, or a list with by = \"items\": %w", err)
	}
	places, err := splitText(conf, text)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(places))
	for i, s := range places {
		parts[i] = text[s.from:s.to]
	}
	return encode(parts)
}

// startsWith tells the kind of a document.
func startsWith(doc json.RawMessage, first byte) bool {
	doc = bytes.TrimLeft(doc, " \t\r\n")
	return len(doc) > 0 && doc[0] == first
}

func splitList(conf splitConfig, input json.RawMessage) (json.RawMessage, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(input, &items); err != nil {
		return nil, node.Errorf("bad_input", "expected a list: %w", err)
	}
	parts := [][]json.RawMessage{}
	size := 0
	for _, s := range spans(len(items), conf) {
		part := items[s.from:s.to]
		for _, item := range part {
			size += len(item)
		}
		if size > maxBytes {
			return nil, errTooLarge
		}
		parts = append(parts, part)
	}
	return encode(parts)
}

// span is a part: from ≤ i < to.
type span struct{ from, to int }

// spans cuts n units into parts.
func spans(n int, conf splitConfig) []span {
	var list []span
	for from := 0; from < n; from += conf.Size - conf.Overlap {
		to := min(from+conf.Size, n)
		list = append(list, span{from, to})
		if to == n {
			break
		}
	}
	return list
}

// splitText gives parts as places in bytes.
func splitText(conf splitConfig, text string) ([]span, error) {
	if conf.By == "" || conf.By == "characters" {
		return splitCharacters(conf, text)
	}
	begins := unitsOf(conf.By, text)
	parts := spans(len(begins)-1, conf)
	size := 0
	for i, p := range parts {
		parts[i] = span{begins[p.from], begins[p.to]}
		if size += parts[i].to - parts[i].from; size > maxBytes {
			return nil, errTooLarge
		}
	}
	return parts, nil
}

// unitsOf gives where each unit of a text begins, and where the last one ends. Units
// lie side by side: a word has the spaces behind it, the first also those before it; a
// line has its end.
func unitsOf(by, text string) []int {
	begins := []int{0}
	space := false
	for i, r := range text {
		switch by {
		case "characters":
			if i > 0 {
				begins = append(begins, i)
			}
		case "words":
			if space && !unicode.IsSpace(r) && strings.TrimSpace(text[begins[len(begins)-1]:i]) != "" {
				begins = append(begins, i)
			}
			space = unicode.IsSpace(r)
		case "lines":
			if i > 0 && text[i-1] == '\n' {
				begins = append(begins, i)
			}
		}
	}
	if len(text) > 0 {
		begins = append(begins, len(text))
	}
	return begins
}

// splitCharacters cuts after size characters, or at the last good place before that.
// Both ends of a part only move forward: what parts share is counted once.
func splitCharacters(conf splitConfig, text string) ([]span, error) {
	var parts []span
	from, to, count, size := 0, 0, 0, 0 // count: of the characters from from to to
	for from < len(text) {
		for ; to < len(text) && count < conf.Size; count++ {
			_, n := utf8.DecodeRuneInString(text[to:])
			to += n
		}
		if end := goodEnd(conf, text, from, to); end < to {
			count -= utf8.RuneCountInString(text[end:to])
			to = end
		}
		parts = append(parts, span{from, to})
		if size += to - from; size > maxBytes {
			return nil, errTooLarge
		}
		if to == len(text) {
			break
		}
		for ; count > conf.Overlap; count-- {
			_, n := utf8.DecodeRuneInString(text[from:])
			from += n
		}
	}
	return parts, nil
}

// goodEnd is the last end of a paragraph, line or word in a part, as far as it leaves
// the part longer than its overlap; else the part is cut where it is full.
func goodEnd(conf splitConfig, text string, from, to int) int {
	if to == len(text) {
		return to
	}
	good := 0
	switch part := text[from:to]; conf.At {
	case "paragraphs":
		if good = strings.LastIndex(part, "\n\n"); good >= 0 {
			good += 2
			break
		}
		fallthrough
	case "lines":
		if good = strings.LastIndexByte(part, '\n') + 1; good > 0 {
			break
		}
		fallthrough
	case "words":
		if r, _ := utf8.DecodeRuneInString(text[to:]); unicode.IsSpace(r) {
			return to
		}
		if i := strings.LastIndexFunc(part, unicode.IsSpace); i >= 0 {
			_, n := utf8.DecodeRuneInString(part[i:])
			good = i + n
		}
	}
	if good <= 0 || conf.Overlap > 0 && utf8.RuneCountInString(text[from:from+good]) <= conf.Overlap {
		return to
	}
	return from + good
}

type mergeConfig struct {
	Separator string `json:"separator,omitempty" jsonschema_description:"stands between texts."`
	By        string `json:"by,omitempty" jsonschema:"enum=characters,enum=words,enum=lines,enum=items" jsonschema_description:"what overlap counts, as in std:split."`
	Overlap   int    `json:"overlap,omitempty" jsonschema:"minimum=0" jsonschema_description:"how many of these each part but the first repeats; they are left out."`
}

func mergeNode(ctx context.Context, in listOrObject) (json.RawMessage, error) {
	input := json.RawMessage(in)
	conf, err := node.Config[mergeConfig](ctx)
	if err != nil {
		return nil, err
	}
	of := json.Delim('[')
	if startsWith(input, '{') {
		of = '{' // what several nodes gave, by name
	}
	parts, err := members(input, of)
	if err != nil {
		return nil, node.Errorf("bad_input", "expected a list of parts, or an object of them: %w", err)
	}
	switch {
	case len(parts) > 0:
	case conf.Separator != "" || conf.By != "" && conf.By != "items":
		return json.RawMessage(`""`), nil
	default:
		return json.RawMessage("[]"), nil
	}
	kind := parts[0].value[0]
	for i, p := range parts {
		if p.value[0] != kind || !slices.Contains([]byte(`"[{`), kind) {
			return nil, node.Errorf("bad_input", "part %d: expected texts, or lists, or objects, all of one kind", i)
		}
	}
	switch kind {
	case '"':
		return mergeTexts(conf, parts)
	case '[':
		return mergeLists(conf, parts)
	}
	return mergeObjects(parts)
}

func mergeTexts(conf mergeConfig, parts []member) (json.RawMessage, error) {
	var b bounded
	for i, p := range parts {
		var s string
		if err := json.Unmarshal(p.value, &s); err != nil {
			return nil, node.Errorf("bad_input", "part %d: %w", i, err)
		}
		if i > 0 {
			if conf.Overlap > 0 {
				by := conf.By
				if by == "" {
					by = "characters"
				}
				begins := unitsOf(by, s)
				s = s[begins[min(conf.Overlap, len(begins)-1)]:]
			}
			s = conf.Separator + s
		}
		if _, err := b.WriteString(s); err != nil {
			return nil, err
		}
	}
	return encode(b.String())
}

func mergeLists(conf mergeConfig, parts []member) (json.RawMessage, error) {
	all := []json.RawMessage{}
	for i, p := range parts {
		var items []json.RawMessage
		if err := json.Unmarshal(p.value, &items); err != nil {
			return nil, node.Errorf("bad_input", "part %d: %w", i, err)
		}
		if i > 0 {
			items = items[min(conf.Overlap, len(items)):]
		}
		all = append(all, items...)
	}
	return encode(all)
}

// mergeObjects makes one object: a later part's value of a key stands.
func mergeObjects(parts []member) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for i, p := range parts {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(p.value, &fields); err != nil {
			return nil, node.Errorf("bad_input", "part %d: %w", i, err)
		}
		maps.Copy(all, fields)
	}
	return encode(all)
}
