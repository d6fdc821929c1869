package schema

import (
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/document"
)

// What is compiled later says the same, whoever asks first.
func TestLater(t *testing.T) {
	source := []byte(`{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}`)
	now, err := Compile("a", source, nil)
	if err != nil {
		t.Fatal(err)
	}
	later, err := Later("a", source)
	if err != nil {
		t.Fatal(err)
	}
	if len(later.idle) != 0 || later.walk != nil {
		t.Error("it is compiled already")
	}
	if later.Digest() != now.Digest() || later.Name() != now.Name() || later.Source().String() != now.Source().String() {
		t.Errorf("%s %s", later.Digest(), later.Source())
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for text, want := range map[string]int{`{"n":1}`: 0, `{"n":"1"}`: 1, `{}`: 1} {
				if got := later.Validate(document.MustParse(text)); len(got) != want {
					t.Errorf("%s: %v", text, got)
				}
			}
		})
	}
	all.Wait()
	if later.walk == nil {
		t.Error("it has no walk")
	}
	shaped, err := Later("a", source)
	if err != nil {
		t.Fatal(err)
	}
	if got := shaped.Shape(); got == looseShape {
		t.Error("it has no shape")
	}
}

// What is wrong is found at once where it can be, and else holds for nothing.
func TestLaterWrong(t *testing.T) {
	for _, source := range []string{`{`, `[]`, `3`} {
		if _, err := Later("a", []byte(source)); err == nil {
			t.Errorf("%s is taken for a schema", source)
		}
	}
	wrong, err := Later("a", []byte(`{"type": "thing"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := wrong.Validate(document.MustParse(`1`)); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
