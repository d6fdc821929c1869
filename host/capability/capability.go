package capability

import (
	"context"
	"encoding/json"

	"github.com/chainrun/chainrun/host/document"
)

// Capability answers the calls of nodes. Safe for concurrent use.
type Capability interface {
	// Describe says what the capability offers. It gives the same every time.
	Describe() Description

	// Call answers one call. The request holds to the method's schema, the
	// grant to the description's. When ctx is done the call must end soon: the
	// attempt that made it is over, and its answer is dropped.
	//
	// An error that is an [*Error] says how the node, the retry machinery and
	// the journal shall see it; every other one is a capability_error that is
	// not tried again. Secrets may stand in either: the host takes them out.
	Call(ctx context.Context, c Call) (Answer, error)
}

// Description is what a capability offers.
type Description struct {
	Text    string   // one line, for people
	Methods []Method // names are unique

	// Grant is the JSON Schema of the keys that [nodes.NAME.grants.CAPABILITY]
	// may have beside the common ones (calls, bytes, tokens, cost, methods); a
	// property of the same name takes the common one's place. It is an object's
	// schema; keys that it does not list are refused. nil: no further keys.
	Grant json.RawMessage

	// Config is the JSON Schema of [capabilities.NAME], without the key `kind`,
	// which is the host's. nil: there is nothing to set. See [Configurable].
	Config json.RawMessage

	// Environment names variables of the environment that the capability reads
	// through [Secrets.Env] where the graph says nothing. Their values are
	// treated as secrets.
	Environment []string
}

// Method is one thing that a capability can be asked for.
type Method struct {
	Name string // 1 to 64 of a-z, 0-9, "_", ".", "-"
	Text string // one line, for people

	// Request and Response are JSON Schemas; nil: any document. A request that
	// breaks the first is not passed on; an answer that breaks the second does
	// not reach the node.
	Request, Response json.RawMessage
}

// Call is one question of a node.
type Call struct {
	Method  string
	Request document.Document // absent where the node sent no payload and the method has no schema
	Caller  Caller

	// Grant has the keys of [Description.Grant] that the graph wrote, always an
	// object. References to secrets stand in it as they were written.
	Grant document.Document

	// Key is the idempotency key: 64 hexadecimal digits. It is the same when an
	// attempt is made again after a crash, a timeout or an error of the
	// capability, so that a service that honours it does the work once; and
	// another one in a corrective attempt, which wants another answer.
	Key string

	// Secrets gives the values behind references. Never nil.
	Secrets Secrets

	// Partial hands on a part of the answer while it is made: to whoever watches
	// the run, not to the node and not to the journal. Never nil; cheap where
	// nobody watches. It may be called until Call returns, from one goroutine at
	// a time.
	Partial func(document.Document)

	// Left is what the grant's limits leave for this call.
	Left Left
}

// Caller is who asks.
type Caller struct {
	Run, Graph, Step, Node string
	Attempt                int // from 1
	Ordinal                int // of the attempt's calls, from 1
}

// Unlimited is a limit that nobody set.
const Unlimited = int64(1)<<62 - 1

// Left is what is left of a grant's limits; [Unlimited] where nobody set any. A
// run's budget is not among them: it is shared with steps under way.
type Left struct {
	Bytes  int64 // of requests and answers together; this call's request is already taken off
	Tokens int64
	Cost   int64 // billionths, see [Usage]
}

// Answer is what a call gives.
type Answer struct {
	Document document.Document // absent: nothing to say
	Usage    Usage
}

// Usage is what a call used up beside itself. The host counts calls and bytes.
type Usage struct {
	InputTokens, OutputTokens int64
	// Cost is in billionths of the unit in which prices and budgets are written.
	Cost int64
}

// Secrets gives capabilities the values that no node may see.
type Secrets interface {
	// Expand replaces each reference ${secret:NAME} in a text by its value. The
	// error names the reference that has none.
	Expand(text string) (string, error)
	// Env gives a variable that the capability's description names.
	Env(name string) (string, bool)
}

// Configurable is a capability that takes settings from a graph.
type Configurable interface {
	Capability
	// Configure makes the capability that a graph with these settings uses. name
	// is the NAME of [capabilities.NAME]. The settings hold to the description's
	// Config; references to secrets stand in them as they were written. The
	// receiver stays as it is; it is the one to share limits and connections
	// between graphs. The error is a [Problems] where the settings are to blame.
	Configure(name string, settings document.Document) (Capability, error)
}

// GrantChecker is a capability whose grants can be wrong in ways that a schema
// cannot say.
type GrantChecker interface {
	Capability
	// CheckGrant is given the keys of a grant that hold to the schema.
	CheckGrant(grant document.Document) Problems
}

// Opener is a capability that keeps something for the length of one attempt. Its
// calls go to the session, not to its own Call.
type Opener interface {
	Capability
	// Open is called before an attempt's first call. c.Ordinal is 0.
	Open(ctx context.Context, c Caller) (Session, error)
}

// Session answers the calls of one attempt, one at a time.
type Session interface {
	Call(ctx context.Context, c Call) (Answer, error)
	// Writes is asked once, after the node has returned a document that holds to
	// its schemas: what is to be stored together with the step's success, or not
	// at all. At most one write for each space and key.
	Writes() []Write
}

// Recaller is a session that is told of calls that were answered before a crash,
// when its attempt is begun again: they are not made again, and
// what they wrote must still be among [Session.Writes].
type Recaller interface {
	Session
	// Recall is given a call and the answer that was recorded for it, in the order
	// of the calls, in place of Call. It may not ask the world. Calls that failed
	// are not recalled.
	Recall(ctx context.Context, c Call, answer document.Document) error
}

// Replayer is an opener that can tell what an attempt wrote from what was recorded of
// its calls: so a replay compares that, too. Others are not called in a replay at all.
type Replayer interface {
	Opener
	// Replay takes the place of Open. The session is told of every call by Recall, and
	// then asked for its Writes; neither may ask the world.
	Replay(c Caller) Recaller
}

// Write is a value to be stored when a step succeeds.
type Write struct {
	Space, Key string
	Value      document.Document // absent: the key is deleted
	// Add is a number that is added to what the key has when the step succeeds; Value
	// is then what the attempt itself took the sum to be. Absent, or no number: Value
	// is stored.
	Add document.Document
}
