package invoke

// Attempts that are answered by earlier ones.

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// Cache finds what was made before. Safe for concurrent use.
type Cache interface {
	// Cached gives the success that was recorded under a key, and whose it is. An error
	// is a miss: the node is called.
	Cached(ctx context.Context, key string) (made event.AttemptSucceeded, by event.Origin, found bool, err error)
}

// cacheTime is where the clock of a node with a cache starts, hit or not.
var cacheTime = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// cacheVersion changes whenever an output that was found under a key must not be found
// any more.
const cacheVersion = 1

// pure makes a request of a node with a cache one that depends on nothing but what the
// node is given, and gives the key of what comes of it: a hash over all that can change
// an output. Where the key is the same the node would return the same bytes, for the
// same fuel.
func (v *Invoker) pure(n *plan.Node, r Request) (Request, string, error) {
	h := sha256.New()
	add := func(parts ...[]byte) {
		for _, p := range parts {
			var size [8]byte
			binary.BigEndian.PutUint64(size[:], uint64(len(p)))
			h.Write(size[:])
			h.Write(p)
		}
	}
	add([]byte("chainrun cache " + strconv.Itoa(cacheVersion)))
	add([]byte(n.Linked.Digest), []byte(n.Entry), n.Config.Bytes(), r.Input.Bytes())
	if len(r.Feedback) > 0 {
		d, err := feedbackDocument(r.Feedback)
		if err != nil {
			return r, "", err
		}
		add(d.Bytes())
	}
	r.Time, r.Seed = cacheTime, event.Seed(h.Sum(nil))

	encoding, documents := n.Encoding, v.documentLimits()
	if encoding == "" {
		encoding = graph.EncodingJSON
	}
	add([]byte("limits"), []byte(encoding), []byte(v.engine.Name()))
	for _, limit := range []uint64{
		meter.Version, n.Fuel, n.MemoryBytes, uint64(documents.Bytes), uint64(documents.Depth),
		uint64(v.limits.HostCalls), uint64(v.limits.CallDepth), uint64(v.limits.TableElements),
		uint64(sandbox.DefaultHostCalls), uint64(sandbox.DefaultCallDepth), uint64(sandbox.DefaultTableElements),
	} {
		add(strconv.AppendUint(nil, limit, 10))
	}
	return r, "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// lookUp gives what came of an equal attempt, where there was one. What was found is
// checked as what a node returns is: the schemas of this graph are not those of that
// one. Where it breaks them the node is called, so that it fails as it would.
func (v *Invoker) lookUp(ctx context.Context, n *plan.Node, r Request, key string) (event.Outcome, bool) {
	if r.Scope.Cache == nil || r.Scope.Replay {
		return event.Outcome{}, false
	}
	// What was made in this run before counts, whether the disk was quick or not.
	if r.Calls != nil && r.Calls.Settled(ctx) != nil {
		return event.Outcome{}, false
	}
	made, by, found, err := r.Scope.Cache.Cached(ctx, key)
	if err != nil || !found || made.CacheKey != key || made.From != nil || made.Output.IsZero() ||
		made.Output.Within(v.documentLimits()) != nil {
		return event.Outcome{}, false
	}
	d := r.Scope.Redact.Document(made.Output)
	if len(d.Bytes()) > v.documentLimits().Bytes {
		return event.Outcome{}, false
	}
	if broken, err := validate(ctx, n.OutSchemas, d); err != nil || broken != nil {
		return event.Outcome{}, false
	}
	return event.Outcome{Attempt: r.Attempt, Output: d, Fuel: made.Fuel, CacheKey: key, From: &by}, true
}
