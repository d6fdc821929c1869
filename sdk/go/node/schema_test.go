package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type tree struct {
	Value    int     `json:"value"`
	Children []*tree `json:"children,omitempty"`
	Parent   *tree   `json:"parent"`
}

type (
	endless     []endless
	folder      map[string]folder
	pair[T any] struct{ A, B T }
	inner       struct {
		ID     string `json:"id"`
		Hidden string `json:"-"`
		Dash   string `json:"-,"` //nolint:staticcheck // what encoding/json does with it
	}
	tagged struct {
		ID int `json:"id"`
	}
	other struct {
		ID string `json:"ID"`
	}
	embedding struct {
		inner
		*Extra
		tagged `json:"named"`
		Names
		unexported int //nolint:unused // not in a schema
	}
	Extra struct {
		Note string
	}
	left  struct{ Same, Left string }
	right struct{ Same, Right int }
	Names []string
	clash struct {
		left
		right
	}
	self struct {
		*self //nolint:unused // brings nothing new
		Own   bool
	}
	level string
	odd   struct{}
	shown struct{}
	text  struct{}
)

func (level) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"string","enum":["low","high"]}`)
}

func (odd) MarshalJSON() ([]byte, error) { return []byte(`1`), nil }

func (*shown) JSONSchema() json.RawMessage { return json.RawMessage(`{"minimum":1,"type":"integer"}`) }
func (*shown) UnmarshalJSON([]byte) error  { return nil }

func (text) MarshalText() ([]byte, error) { return nil, nil }

func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[any](), ``},
		{reflect.TypeFor[json.RawMessage](), ``},
		{reflect.TypeFor[bool](), `{"type":"boolean"}`},
		{reflect.TypeFor[*string](), `{"type":["string","null"]}`},
		{reflect.TypeFor[int](), `{"type":"integer"}`},
		{reflect.TypeFor[int8](), `{"type":"integer","minimum":-128,"maximum":127}`},
		{reflect.TypeFor[uint16](), `{"type":"integer","minimum":0,"maximum":65535}`},
		{reflect.TypeFor[uint64](), `{"type":"integer","minimum":0}`},
		{reflect.TypeFor[float32](), `{"type":"number"}`},
		{reflect.TypeFor[json.Number](), `{"type":"number"}`},
		{reflect.TypeFor[time.Time](), `{"type":"string","format":"date-time"}`},
		{reflect.TypeFor[time.Duration](), `{"type":"integer"}`},
		{reflect.TypeFor[[]byte](), `{"type":["string","null"],"contentEncoding":"base64"}`},
		{reflect.TypeFor[[]string](), `{"type":["array","null"],"items":{"type":"string"}}`},
		{reflect.TypeFor[[2]*bool](), `{"type":"array","items":{"type":["boolean","null"]},"minItems":2,"maxItems":2}`},
		{reflect.TypeFor[map[string]int](), `{"type":["object","null"],"additionalProperties":{"type":"integer"}}`},
		{reflect.TypeFor[map[int]any](), `{"type":["object","null"],"propertyNames":{"pattern":"^-?[0-9]+$"}}`},
		{reflect.TypeFor[map[netip.Addr]any](), `{"type":["object","null"]}`},
		{reflect.TypeFor[netip.Addr](), `{"type":"string"}`},
		{reflect.TypeFor[struct{}](), `{"type":"object"}`},
		{reflect.TypeFor[odd](), ``},
		{reflect.TypeFor[*text](), `{"type":["string","null"]}`},
		{reflect.TypeFor[level](), `{"enum":["low","high"],"type":"string"}`},
		{reflect.TypeFor[shown](), `{"minimum":1,"type":"integer"}`},
		{
			reflect.TypeFor[tree](),
			`{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"value":{"type":"integer"},` +
				`"children":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/tree"},{"type":"null"}]}},` +
				`"parent":{"anyOf":[{"$ref":"#/$defs/tree"},{"type":"null"}]}},"required":["value"]}}}`,
		},
		{
			reflect.TypeFor[endless](),
			`{"anyOf":[{"$ref":"#/$defs/endless"},{"type":"null"}],"$defs":{"endless":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/endless"},{"type":"null"}]}}}}`,
		},
		{
			reflect.TypeFor[folder](),
			`{"anyOf":[{"$ref":"#/$defs/folder"},{"type":"null"}],"$defs":{"folder":{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#/$defs/folder"},{"type":"null"}]}}}}`,
		},
		{ // two types with one name, each met twice
			reflect.TypeFor[pair[pair[tagged]]](),
			`{"type":"object","properties":{"A":{"$ref":"#/$defs/` + plain("pair[github.com/chainrun/chainrun/sdk/go/node.tagged]") + `"},` +
				`"B":{"$ref":"#/$defs/` + plain("pair[github.com/chainrun/chainrun/sdk/go/node.tagged]") + `"}},"required":["A","B"],"$defs":{"` +
				plain("pair[github.com/chainrun/chainrun/sdk/go/node.tagged]") + `":{"type":"object","properties":{"A":{"$ref":"#/$defs/tagged"},"B":{"$ref":"#/$defs/tagged"}},"required":["A","B"]},` +
				`"tagged":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}`,
		},
		{
			reflect.TypeFor[embedding](),
			`{"type":"object","properties":{"id":{"type":"string"},"-":{"type":"string"},"Note":{"type":"string"},` +
				`"named":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]},"Names":{"type":["array","null"],"items":{"type":"string"}}},"required":["id","-","named","Names"]}`,
		},
		{
			reflect.TypeFor[clash](),
			`{"type":"object","properties":{"Left":{"type":"string"},"Right":{"type":"integer"}},"required":["Left","Right"]}`,
		},
		{reflect.TypeFor[struct {
			clash
			Same bool
			other
		}](), `{"type":"object","properties":{"Left":{"type":"string"},"Right":{"type":"integer"},"Same":{"type":"boolean"},"ID":{"type":"string"}},` +
			`"required":["Left","Right","Same","ID"]}`},
		{reflect.TypeFor[self](), `{"type":"object","properties":{"Own":{"type":"boolean"}},"required":["Own"]}`},
		{reflect.TypeFor[struct {
			A *int            `json:"a"`
			B string          `json:"b,omitempty"`
			C []int           `json:"c"`
			D map[string]bool `json:"d,omitzero"`
			E int64           `json:"e,string"`
			F json.RawMessage `json:"f"`
			G string          `json:"bad\"name"` //nolint:staticcheck // encoding/json takes the name of the field
		}](), `{"type":"object","properties":{"a":{"type":["integer","null"]},"b":{"type":"string"},"c":{"type":["array","null"],"items":{"type":"integer"}},` +
			`"d":{"type":"object","additionalProperties":{"type":"boolean"}},"e":{"type":"string"},"f":{},"G":{"type":"string"}},"required":["c","e","f","G"]}`},
	} {
		got, err := schemaOf(c.typ)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.typ, err, got, c.want)
		}
		if len(got) > 0 && !json.Valid(got) {
			t.Errorf("%s: no JSON: %s", c.typ, got)
		}
	}
}

func plain(name string) string {
	return strings.NewReplacer("[", "_", "]", "_", "/", "_", ".", "_").Replace(name)
}

func TestRules(t *testing.T) {
	got, err := schemaOf(reflect.TypeFor[struct {
		A int            `jsonschema:"minimum=0,exclusiveMaximum=9.5,multipleOf=2,description=How many, at most: 9, or fewer,default=3"`
		B string         `jsonschema:"required,enum=red,enum=g b,default=red,pattern=^[a-z ]{1,5}$,title=A colour\\, or none" json:",omitempty"`
		C []string       `jsonschema:"minItems=1,maxItems=3,uniqueItems,minLength=2,description=Some"`
		D map[string]int `jsonschema:"maxProperties=4,minimum=1" jsonschema_description:"Counts, by <name>."`
		E *int           `jsonschema:"enum=1,enum=2,example=1"`
		F *tagged        `jsonschema:"description=Perhaps"`
		G any            `jsonschema:"example=[1],example=text,example=\"t\""`
		H bool           `jsonschema:"default=true"`
		I int            `jsonschema:"The number of things, which is a sentence"`
		J float64        `json:",string" jsonschema:"description=A number as text"`
		K [][]string     `jsonschema:"format=date,minItems=0"`
		L string         `jsonschema:"-"`
	}]())
	want := `{"type":"object","properties":{` +
		`"A":{"type":"integer","minimum":0,"exclusiveMaximum":9.5,"multipleOf":2,"description":"How many, at most: 9, or fewer","default":3},` +
		`"B":{"type":"string","enum":["red","g b"],"default":"red","pattern":"^[a-z ]{1,5}$","title":"A colour, or none"},` +
		`"C":{"type":"array","items":{"type":"string","minLength":2},"minItems":1,"maxItems":3,"uniqueItems":true,"description":"Some"},` +
		`"D":{"type":["object","null"],"additionalProperties":{"type":"integer","minimum":1},"description":"Counts, by <name>.","maxProperties":4},` +
		`"E":{"type":["integer","null"],"enum":[1,2,null],"examples":[1]},` +
		`"F":{"type":["object","null"],"properties":{"id":{"type":"integer"}},"required":["id"],"description":"Perhaps"},` +
		`"G":{"examples":[[1],"text","t"]},` +
		`"H":{"type":"boolean","default":true},` +
		`"I":{"type":"integer","description":"The number of things, which is a sentence"},` +
		`"J":{"type":"string","description":"A number as text"},` +
		`"K":{"type":"array","items":{"type":["array","null"],"items":{"type":"string","format":"date"}},"minItems":0},` +
		`"L":{"type":"string"}` +
		`},"required":["A","B","C","D","G","H","I","J","K","L"]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestWhatHasNoSchema(t *testing.T) {
	type panicky struct{ schemer }
	for want, typ := range map[string]reflect.Type{
		"a chan int has no JSON":   reflect.TypeFor[chan int](),
		"A: a func() has no JSON":  reflect.TypeFor[struct{ A []func() }](),
		"a complex128 has no JSON": reflect.TypeFor[map[string]complex128](),
		"keys of type bool":        reflect.TypeFor[map[bool]int](),
		"A: its tag jsonschema has \"minimun=0\"": reflect.TypeFor[struct {
			A int `jsonschema:"minimun=0"`
		}](),
		"\"green\", which is no rule": reflect.TypeFor[struct {
			A string `jsonschema:"enum=red,green"`
		}](),
		"minimum=0 in its tag is not for a value of type string": reflect.TypeFor[struct {
			A string `jsonschema:"minimum=0"`
		}](),
		"minimum=\"0\" in its tag: want a JSON number": reflect.TypeFor[struct {
			A int `jsonschema:"minimum=\"0\""`
		}](),
		"minimum=NaN in its tag": reflect.TypeFor[struct {
			A int `jsonschema:"minimum=NaN"`
		}](),
		"minLength=-1 in its tag: want a whole number": reflect.TypeFor[struct {
			A string `jsonschema:"minLength=-1"`
		}](),
		"default=maybe in its tag: want a JSON boolean": reflect.TypeFor[struct {
			A bool `jsonschema:"default=maybe"`
		}](),
		"enum=red in its tag is not for a value of type object": reflect.TypeFor[struct {
			A tagged `jsonschema:"enum=red"`
		}](),
		"maximum=1 in its tag is not for a value of type string": reflect.TypeFor[struct {
			A int `json:",string" jsonschema:"maximum=1"`
		}](),
		"uniqueItems=no": reflect.TypeFor[struct {
			A []int `jsonschema:"uniqueItems=no"`
		}](),
		"panicked: not today":     reflect.TypeFor[panicky](),
		"gives no JSON object":    reflect.TypeFor[schemeless](),
		"more than 10000 schemas": doubled(14),
	} {
		if got, err := schemaOf(typ); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %.300s, %v", want, got, err)
		}
	}
}

type schemer struct{}

func (schemer) JSONSchema() json.RawMessage { panic("not today") }

type schemeless struct{}

func (schemeless) JSONSchema() json.RawMessage { return json.RawMessage(`[]`) }

// doubled is a type without a name that is twice as large as the one before.
func doubled(n int) reflect.Type {
	t := reflect.TypeFor[struct{ A int }]()
	for range n {
		t = reflect.StructOf([]reflect.StructField{{Name: "A", Type: t}, {Name: "B", Type: t}})
	}
	return t
}

func TestManifest(t *testing.T) {
	reset := func() { entries, about, described = nil, About{}, false }
	defer reset()
	if got, err := Manifest(); err != nil || string(got) != `{}` {
		t.Errorf("of nothing: %s, %v", got, err)
	}
	Handle(func(context.Context, tagged) ([]byte, error) { return nil, nil })
	HandleEntry("b", func(context.Context, any) (bool, error) { return true, nil })
	HandleEntry("a", func(context.Context, int) (string, error) { return "", nil })
	Describe(About{
		Name: "shop", Version: "1.2.0", Description: "Sells <things>.", Author: "Ada", License: "MIT", Homepage: "https://example.com",
		Config: tagged{}, Capabilities: []string{"llm.chat"}, Fuel: 1000, MemoryBytes: 1 << 20, Timeout: 1500 * time.Millisecond,
		Entries: map[string]AboutEntry{"a": {Description: "One.", Config: []string{}}},
	})
	const id = `{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}`
	want := `{"name":"shop","version":"1.2.0","description":"Sells <things>.","author":"Ada","license":"MIT","homepage":"https://example.com",` +
		`"input":` + id + `,"config":` + id + `,"entries":{"b":{"output":{"type":"boolean"}},` +
		`"a":{"description":"One.","input":{"type":"integer"},"output":{"type":"string"},"config":{"type":["array","null"],"items":{"type":"string"}}}},` +
		`"capabilities":["llm.chat"],"limits":{"fuel":1000,"memory_bytes":1048576,"timeout":"1.5s"}}`
	if got, err := Manifest(); err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	var out strings.Builder
	if err := mainly([]string{"--manifest"}, strings.NewReader(""), &out); err != nil || out.String() != want+"\n" {
		t.Errorf("--manifest: %v, %s", err, &out)
	}
	t.Setenv("CHAINRUN_ENTRY", "b")
	out.Reset()
	if err := mainly(nil, strings.NewReader("1"), &out); err != nil || out.String() != `true` {
		t.Errorf("the entry b: %v, %s", err, &out)
	}
	if _, err := run(t.Context(), "c", nil); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("an entry that is not there: %v", err)
	}
	about.Entries["c"] = AboutEntry{}
	if _, err := Manifest(); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("more about an entry that is not there: %v", err)
	}
	for what, f := range map[string]func(){
		"twice":         func() { Describe(About{}) },
		"without name":  func() { HandleEntry("", echoed) },
		"the same":      func() { HandleEntry("a", echoed) },
		"nil":           func() { HandleEntry[any, any]("n", nil) },
		"not a reactor": func() { RunEntry("a", 0, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
	reset()
	HandleEntry("chan", func(context.Context, chan int) (any, error) { return nil, nil })
	if _, err := describe(); err == nil || asError(err).Code != "no_manifest" || !strings.Contains(err.Error(), `entry "chan": the schema of input chan int: a chan int has no JSON`) {
		t.Errorf("what has no schema: %v", err)
	}
}

func echoed(_ context.Context, in any) (any, error) { return in, nil }
