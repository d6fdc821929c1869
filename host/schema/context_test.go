package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
)

// brief is a context that is done once it was looked at so many times.
type brief struct {
	context.Context
	looks *int
}

func (b brief) Err() error {
	if *b.looks--; *b.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestCheckIsGivenUp(t *testing.T) {
	s, err := schema.Compile("test.json", []byte(`{"items":{"anyOf":[{"type":"string"},{"type":"integer"}]},"unevaluatedItems":true}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := document.MustParse("[" + strings.Repeat("1,", 200_000) + "1]")
	for _, looks := range []int{0, 1, 5} {
		left := looks
		found, err := s.ValidateContext(brief{t.Context(), &left}, d)
		if !errors.Is(err, context.Canceled) || found != nil {
			t.Errorf("after %d looks: %v, %v", looks, found, err)
		}
		if left < -5 {
			t.Errorf("went on for %d looks", -left)
		}
	}
	if found := s.Validate(d); found != nil {
		t.Errorf("the schema cannot be used again: %v", found)
	}
}
