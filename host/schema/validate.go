package schema

// One validation: the bounds of the document, the authority's verdict, and its
// errors made into violations.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/failure"
)

// limitKeyword is the keyword of violations of this package's own bounds.
const limitKeyword = "limit"

// maxPointerBytes bounds the JSON Pointers of all values together, which the
// authority writes out one by one: a document can have one long key above a
// million values.
const maxPointerBytes = 1 << 30

var numberBound = fmt.Sprintf("what can be computed with (%d characters, exponents to ±%d)", MaxNumberDigits, MaxNumberDigits)

// Validate checks d. It answers nil where d is valid, and else at most
// [MaxViolations], sorted by pointer (list indices as numbers), then keyword,
// then message. The same schema and the same bytes give the same violations.
//
// A violation is a leaf cause: wrappers such as allOf and $ref never appear.
// Where no branch of an anyOf or oneOf holds, the violations are those of the
// one branch that was evidently meant, if there is just one, and else a single
// violation that says what each branch asks for.
//
// What was found valid is not checked again, neither by s nor by a schema with its
// digest, see [document.Document.Hold].
func (s *Schema) Validate(d document.Document) []failure.Violation {
	out, err := s.ValidateContext(context.Background(), d)
	if err != nil { // nothing ends that context
		return limit(nil, err.Error())
	}
	return out
}

// ValidateContext is [Schema.Validate] that gives up when ctx is done: a document
// of some megabytes takes seconds. The error is the context's cause; there are
// no violations then.
func (s *Schema) ValidateContext(ctx context.Context, d document.Document) ([]failure.Violation, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if d.IsZero() {
		return []failure.Violation{{Keyword: "type", Message: "there must be a document; there is none"}}, nil
	}
	if d.Holds(*s.digest) {
		return nil, nil
	}
	if s.way().surely(d.Bytes()) {
		d.Hold(s.digest)
		return nil, nil
	}
	v, err := d.Value()
	if err != nil {
		return []failure.Violation{{Keyword: limitKeyword, Message: err.Error(), Found: cut(d.Bytes(), foundBytes)}}, nil
	}
	b := bounds{}
	b.measure(v, 0, 0)
	if out := b.violations(v); out != nil {
		return out, nil
	}
	c, err := s.acquire()
	if err != nil { // it compiled before; only the authority's own fault gets here
		return []failure.Violation{{Keyword: limitKeyword, Message: err.Error(), Found: cut(d.Bytes(), foundBytes)}}, nil
	}
	defer s.release(c)
	if b.keyBytes > maxPatternSteps/max(c.names, 1) {
		return limit(v, "the keys are too long for the schema's patternProperties"), nil
	}
	c.ctx = ctx
	out := c.run(v, work(b.values, b.depth))
	c.ctx = nil
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if out == nil {
		d.Hold(s.digest)
	}
	return out, nil
}

// run asks the authority.
func (c *checker) run(v any, allowance int) (out []failure.Violation) {
	c.work, c.steps = allowance, maxPatternSteps
	defer func() {
		switch r := recover().(type) {
		case nil:
		case givenUp:
			// The caller sees to it.
		case tooMuchWork:
			out = limit(v, "the check took too much work: the schema tries too many alternatives, or too large patterns, on a document of this shape")
		default:
			out = limit(v, fmt.Sprintf("the check could not be done: %v", r))
		}
	}()
	err := c.schema.Validate(v)
	var invalid *jsonschema.ValidationError
	var endless jsonschema.InfiniteLoopError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		e := explainer{sources: c.sources, document: v, found: map[string]string{}}
		if out := e.violations(invalid); len(out) > 0 {
			return out
		}
		return limit(v, invalid.Error())
	case errors.As(err, &endless):
		return limit(v, "the schema refers to itself without end")
	}
	return limit(v, err.Error())
}

func limit(v any, message string) []failure.Violation {
	return []failure.Violation{{Keyword: limitKeyword, Message: message, Found: excerpt(v, foundBytes)}}
}

// bounds measures a document before the authority sees it.
type bounds struct {
	values       int
	depth        int
	pointerBytes int
	keyBytes     int
	huge         bool
}

func (b *bounds) measure(v any, pointer, depth int) {
	b.values++
	b.depth = max(b.depth, depth)
	b.pointerBytes += pointer
	switch v := v.(type) {
	case json.Number:
		b.huge = b.huge || isHuge(v)
	case []any:
		for _, item := range v {
			b.measure(item, pointer+4, depth+1)
		}
	case map[string]any:
		for k, item := range v {
			b.keyBytes += len(k)
			b.measure(item, pointer+1+len(k), depth+1)
		}
	}
}

func (b *bounds) violations(v any) []failure.Violation {
	switch {
	case b.values > MaxValues:
		return limit(v, fmt.Sprintf("a document that is checked must have at most %d values, has %d", MaxValues, b.values))
	case b.pointerBytes > maxPointerBytes:
		return limit(v, "long keys stand above too many values to be checked")
	case b.huge:
		return hugeNumbers(v, "", nil)
	}
	return nil
}

func hugeNumbers(v any, pointer string, out []failure.Violation) []failure.Violation {
	if len(out) >= MaxViolations {
		return out
	}
	switch v := v.(type) {
	case json.Number:
		if isHuge(v) {
			out = append(out, failure.Violation{
				Pointer: pointer, Keyword: limitKeyword, Found: cut([]byte(v), foundBytes),
				Message: "a number must not be beyond " + numberBound,
			})
		}
	case []any:
		for i, item := range v {
			out = hugeNumbers(item, pointer+"/"+strconv.Itoa(i), out)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			out = hugeNumbers(v[k], pointer+"/"+escapeToken(k), out)
		}
	}
	return out
}

// isHuge reports whether a number is too long, or its exponent too great, to be
// expanded. The authority would not survive it.
func isHuge(n json.Number) bool {
	if len(n) <= 4 { // at most 9e99
		return false
	}
	if len(n) > MaxNumberDigits {
		return true
	}
	at := strings.IndexAny(string(n), "eE")
	if at < 0 {
		return false
	}
	e, err := strconv.Atoi(string(n[at+1:]))
	return err != nil || e > MaxNumberDigits || e < -MaxNumberDigits
}
