package capabilitytest

// How the suite asks: as a host does.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/document"
)

// call makes one call as a host does.
func (s Suite) call(ctx context.Context, t *testing.T, offer *capability.Offer, c Case) (capability.Answer, error) {
	t.Helper()
	method := offer.Method(c.Method)
	if method == nil {
		t.Errorf("%s: there is no method %q", c.name(), c.Method)
		return capability.Answer{}, errors.New("no such method")
	}
	call := capability.Call{
		Method: c.Method, Grant: s.grant(t, offer, c), Key: strings.Repeat("0123456789abcdef", 4),
		Caller:  capability.Caller{Run: "run-1", Graph: "graph", Step: "node[2]", Node: "node", Attempt: 1, Ordinal: 1},
		Secrets: s.secrets(t), Left: c.Left,
	}
	if call.Left == (capability.Left{}) {
		call.Left = capability.Left{Bytes: capability.Unlimited, Tokens: capability.Unlimited, Cost: capability.Unlimited}
	}
	if c.Request != "" {
		call.Request = document.MustParse(c.Request)
	}
	if method.RequestSchema != nil {
		checked := call.Request
		if checked.IsZero() {
			checked = document.Null()
		}
		if found := method.RequestSchema.Validate(checked); found != nil {
			t.Errorf("%s: the request breaks its schema, no host would pass it on: %v", c.name(), found)
		}
	}
	before, grant := call.Request.String(), call.Grant.String()
	var returned atomic.Bool
	call.Partial = func(d document.Document) {
		if returned.Load() {
			t.Errorf("%s: a part of the answer comes after its end", c.name())
		}
		if d.IsZero() {
			t.Errorf("%s: a part of the answer is absent", c.name())
		}
	}
	answer, err := s.through(ctx, t, offer, call)
	returned.Store(true)
	if call.Request.String() != before || call.Grant.String() != grant {
		t.Errorf("%s: the request or the grant was changed", c.name())
	}
	return answer, err
}

// through asks the capability, or a session of it.
func (s Suite) through(ctx context.Context, t *testing.T, offer *capability.Offer, call capability.Call) (capability.Answer, error) {
	t.Helper()
	opener, ok := offer.Capability.(capability.Opener)
	if !ok {
		return offer.Call(ctx, call)
	}
	caller := call.Caller
	caller.Ordinal = 0
	session, err := opener.Open(ctx, caller)
	if err != nil {
		return capability.Answer{}, err
	}
	answer, err := session.Call(ctx, call)
	written := map[[2]string]bool{}
	for _, w := range session.Writes() {
		if place := [2]string{w.Space, w.Key}; written[place] || w.Space == "" || w.Key == "" {
			t.Errorf("a write has no place, or that of another one: %q", place)
		} else {
			written[place] = true
		}
	}
	if recaller, ok := session.(capability.Recaller); ok && err == nil {
		s.recalls(ctx, t, recaller, opener, call, answer)
	}
	return answer, err
}

// recalls looks whether a session that is only told of an answer writes the same.
func (s Suite) recalls(ctx context.Context, t *testing.T, was capability.Session, opener capability.Opener, call capability.Call, answer capability.Answer) {
	t.Helper()
	caller := call.Caller
	caller.Ordinal = 0
	session, err := opener.Open(ctx, caller)
	if err != nil {
		t.Errorf("opening a second session: %v", err)
		return
	}
	recaller, ok := session.(capability.Recaller)
	if !ok {
		t.Error("only some of its sessions can recall")
		return
	}
	if err := recaller.Recall(ctx, call, answer.Document); err != nil {
		t.Errorf("recalling an answer: %v", err)
	}
	if got, want := fmt.Sprint(recaller.Writes()), fmt.Sprint(was.Writes()); got != want {
		t.Errorf("after a recalled answer it writes %s, after a real one %s", got, want)
	}
}

func (s Suite) grant(t *testing.T, offer *capability.Offer, c Case) document.Document {
	t.Helper()
	grant := document.MustParse(cmp.Or(c.Grant, "{}"))
	if offer.Grant == nil {
		if c.Grant != "" {
			t.Errorf("%s: it describes no keys of grants", c.name())
		}
		return grant
	}
	if found := offer.Grant.Validate(grant); found != nil {
		t.Errorf("%s: the grant breaks its schema: %v", c.name(), found)
	}
	if checker, ok := offer.Capability.(capability.GrantChecker); ok {
		if problems := checker.CheckGrant(grant); len(problems) > 0 {
			t.Errorf("%s: the grant is refused: %v", c.name(), problems)
		}
	}
	return grant
}

// secrets are the suite's.
func (s Suite) secrets(t *testing.T) capability.Secrets {
	t.Helper()
	var references []secret.Reference
	for name := range s.Secrets {
		references = append(references, secret.Reference{Name: name, Env: name})
	}
	set, err := secret.Resolve(t.Context(), given(s.Secrets), references, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

type given map[string]string

// Resolve implements [secret.Resolver].
func (g given) Resolve(_ context.Context, r secret.Reference) (string, error) { return g[r.Name], nil }
