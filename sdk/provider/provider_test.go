package provider

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// A provider's build must stay small: what is not on this list must not come in.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	allowed := []string{
		"github.com/chainrun/chainrun",
		"github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "github.com/hashicorp/yamux", "github.com/oklog/run",
		"github.com/fatih/color", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty", "github.com/golang/protobuf",
		"google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto/googleapis/rpc",
		"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
		"github.com/santhosh-tekuri/jsonschema/v5", "github.com/google/jsonschema-go",
	}
	for module := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(allowed, module) {
			t.Errorf("every provider would carry %s", module)
		}
	}
	out, err = exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		if rest, ours := strings.CutPrefix(pkg, "github.com/chainrun/chainrun/"); ours &&
			!slices.Contains([]string{"sdk/provider", "sdk/provider/protocol", "host/capability", "host/document", "host/schema", "host/failure"}, rest) {
			t.Errorf("every provider would carry %s", pkg)
		}
	}
}

// counted counts what was configured and closed.
type counted struct {
	*capability.Functions
	mu                 *sync.Mutex
	configured, closed map[string]int
	key                string
}

func newCounted() *counted {
	return &counted{
		Functions: capability.New("counted", capability.Handle("a", "a", func(context.Context, struct{}) (int, error) { return 1, nil })),
		mu:        &sync.Mutex{}, configured: map[string]int{}, closed: map[string]int{}, key: "base",
	}
}

func (c *counted) Configure(name string, settings document.Document) (capability.Capability, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := *c
	one.key = name + settings.String()
	c.configured[one.key]++
	if strings.Contains(one.key, "bad") {
		return nil, errors.New("it is bad")
	}
	return &one, nil
}

func (c *counted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed[c.key]++
	return nil
}

func TestInstances(t *testing.T) {
	base := newCounted()
	s := newInstances(base)
	get := func(config string) func() {
		t.Helper()
		_, done, err := s.get("db", []byte(config))
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	held := get(`{"held":1}`)
	for range 3 {
		for i := range kept + 5 {
			get(fmt.Sprintf(`{"n":%d}`, i))()
		}
	}
	if len(s.byKey) > kept+1 {
		t.Errorf("%d are kept", len(s.byKey))
	}
	get(`{"held":1}`)()
	if n := base.configured[`db{"held":1}`]; n != 1 {
		t.Errorf("one in use was configured %d times", n)
	}
	for range 2 { // one that failed is tried again
		if _, _, err := s.get("db", []byte(`{"bad":1}`)); err == nil || err.Error() != "it is bad" {
			t.Errorf("got %v", err)
		}
	}
	if n := base.configured[`db{"bad":1}`]; n != 2 {
		t.Errorf("the bad one was configured %d times", n)
	}
	held()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	for key, n := range base.configured {
		if !strings.Contains(key, "bad") && base.closed[key] != n {
			t.Errorf("%s was configured %d times and closed %d times", key, n, base.closed[key])
		}
	}
	if base.closed["base"] != 1 {
		t.Errorf("what was served was closed %d times", base.closed["base"])
	}
	if _, _, err := s.get("db", []byte(`{}`)); err == nil {
		t.Error("a closed provider configures")
	}
}

// Many calls at once configure once.
func TestInstancesAtOnce(t *testing.T) {
	base := newCounted()
	s := newInstances(base)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for i := range 5 {
				_, done, err := s.get("db", fmt.Appendf(nil, `{"n":%d}`, i))
				if err != nil {
					t.Error(err)
					return
				}
				done()
			}
		})
	}
	all.Wait()
	for key, n := range base.configured {
		if n != 1 {
			t.Errorf("%s was configured %d times", key, n)
		}
	}
}
