package schema

// Complaints about a schema: the authority's errors, with the place in the
// schema's text.

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
)

// CompileError says where and why a text is not a schema that can be used. The
// author has to change the schema.
type CompileError struct {
	Name    string // the schema's name, as given to [Compile]
	File    string // the reference of the file at fault; "" for the schema itself
	Pointer string // the place at fault, RFC 6901; "" for the whole
	Text    string // what is wrong
	Hint    string // what to do; may be empty
}

// Error is the name, the place and the text.
func (e *CompileError) Error() string {
	at := e.Name
	if e.File != "" {
		at += " (" + e.File + ")"
	}
	if e.Pointer != "" {
		at += " at " + e.Pointer
	}
	text := at + ": " + e.Text
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// refError is why a reference is not followed.
type refError struct{ ref, text, hint string }

func (e *refError) Error() string { return fmt.Sprintf("the reference %q: %s", e.ref, e.text) }

func (s *sources) complain(pointer, text, hint string) *CompileError {
	return &CompileError{Name: s.name, Pointer: pointer, Text: text, Hint: hint}
}

// explain finds the place of an error of the authority.
func (s *sources) explain(err error) *CompileError {
	var part *partError
	var ref *refError
	var invalid *jsonschema.ValidationError
	var endless jsonschema.InfiniteLoopError
	switch {
	case errors.As(err, &part):
		return s.complain(part.pointer, part.text, "")
	case errors.As(err, &ref):
		e := s.complain("", ref.Error(), ref.hint)
		e.File, e.Pointer = s.whoRefersTo(func(address string) bool {
			got, failed := s.reference(address)
			var why *refError
			return got == ref.ref || (errors.As(failed, &why) && why.ref == ref.ref)
		})
		return e
	case errors.As(err, &invalid):
		return s.explainInvalid(invalid)
	case errors.As(err, &endless):
		e := s.complain("", "the schema refers to itself without end", "a reference must lead into a part of the document")
		if _, fragment, ok := strings.Cut(string(endless), "#"); ok {
			e.Pointer = pointerOf(fragment)
		}
		return e
	}
	if part := new(document.SyntaxError); errors.As(err, &part) {
		return s.complain("", err.Error(), "")
	}
	text := strings.TrimPrefix(innermost(err).Error(), "jsonschema: ")
	if address, ok := strings.CutSuffix(text, " not found"); ok {
		e := s.complain("", "", "")
		e.File, e.Pointer = s.whoRefersTo(func(a string) bool { return a == address })
		e.Text = fmt.Sprintf("the reference %q leads nowhere", s.short(address))
		return e
	}
	return s.complain("", s.short(text), "")
}

// explainInvalid is for a schema that its metaschema refuses: the first of the
// places, in their order.
func (s *sources) explainInvalid(invalid *jsonschema.ValidationError) *CompileError {
	found := leaves(invalid)
	if len(found) == 0 {
		return s.complain("", invalid.Message, "")
	}
	slices.SortStableFunc(found, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(
			comparePointers(pointerOf(a.InstanceLocation), pointerOf(b.InstanceLocation)),
			cmp.Compare(a.KeywordLocation, b.KeywordLocation),
		)
	})
	first := found[0]
	e := s.complain(pointerOf(first.InstanceLocation), "", "")
	address := rootURL
	if s.latest != "" { // a file is checked as soon as it is loaded
		e.File, address = s.latest, folder+s.latest
	}
	value, _ := lookup(s.byURL[address], e.Pointer)
	text := first.Message
	if isAlternative(first) { // of the metaschemas only type has alternatives that a value can miss by itself
		text = "not a value that this keyword can have"
		if last := leaves(first.Causes[0]); len(last) > 0 && !isAlternative(last[0]) {
			text = last[0].Message
		}
	}
	if strings.HasSuffix(text, "is not valid 'regex'") {
		text = "not a regular expression that can be used"
		e.Hint = "patterns are RE2, without look-ahead and back references"
	}
	e.Text = strings.TrimPrefix(strings.TrimPrefix(text, "jsonschema: "), "value ")
	if value != nil && e.Pointer != "" {
		e.Text += "; found " + excerpt(value, 120)
	}
	return e
}

// whoRefersTo finds the first reference, by file and place, whose absolute
// address is wanted.
func (s *sources) whoRefersTo(wanted func(address string) bool) (file, pointer string) {
	if p, ok := findReference(s.byURL[rootURL], rootURL, "", wanted); ok {
		return "", p
	}
	for _, name := range s.fileNames() {
		address := folder + name
		if p, ok := findReference(s.byURL[address], address, "", wanted); ok {
			return name, p
		}
	}
	return "", ""
}

func findReference(v any, base, pointer string, wanted func(string) bool) (string, bool) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if p, ok := findReference(item, base, fmt.Sprintf("%s/%d", pointer, i), wanted); ok {
				return p, true
			}
		}
	case map[string]any:
		if id := idOf(v); id != "" {
			base = resolve(base, id)
		}
		for _, k := range sortedKeys(v) {
			if ref, ok := v[k].(string); ok && strings.HasPrefix(k, "$") && (strings.HasSuffix(k, "ef") || k == "$schema") {
				whole := resolve(base, ref)
				address, _, _ := strings.Cut(whole, "#")
				if wanted(whole) || wanted(address) {
					return pointer + "/" + escapeToken(k), true
				}
			}
			if p, ok := findReference(v[k], base, pointer+"/"+escapeToken(k), wanted); ok {
				return p, true
			}
		}
	}
	return "", false
}

func resolve(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	r, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	return b.ResolveReference(r).String()
}

// short takes the address that we made up out of a message.
func (s *sources) short(text string) string {
	text = strings.ReplaceAll(text, rootURL, "")
	return strings.ReplaceAll(text, folder, "")
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
