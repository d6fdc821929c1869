package journal

// What the plan of a run was made of.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/chainrun/chainrun/host/event"
)

// Pinner is a journal that keeps what runs were made of, so that a run which goes
// on in another process, or is replayed years later, keeps its plan whatever became
// of the files. What several runs share is kept once. Safe for concurrent use.
type Pinner interface {
	Journal

	// Begin is the Append that starts a run; it keeps the sources in the same atomic
	// append.
	Begin(ctx context.Context, made *Sources, events ...event.Event) error

	// Sources gives what a run was begun with; nil where that was nothing. A run that
	// is not there gives [ErrUnknownRun].
	Sources(ctx context.Context, run string) (*Sources, error)
}

// Source is a file that a plan was made of.
type Source struct {
	Kind    SourceKind
	Name    string            // as it was asked for; of the graph: where it was
	Content []byte            // not to be modified
	Digest  [sha256.Size]byte // of Content; zeros: not computed yet
}

// SourceKind says what a file was read as. One name may be of several kinds.
type SourceKind string

// The kinds of sources. There is one graph: those inside it, like schemas, are
// files that it names.
const (
	SourceGraph  SourceKind = "graph"
	SourceFile   SourceKind = "file"
	SourceModule SourceKind = "module"
)

// Sources are all the files that a plan was made of, in the order in which they were
// read. Immutable.
type Sources struct {
	Files []Source
	// List names the files: a JSON array of {"kind", "name", "digest"}; Digest is its
	// SHA-256.
	List   []byte
	Digest [sha256.Size]byte
}

type listed struct {
	Kind   SourceKind `json:"kind"`
	Name   string     `json:"name"`
	Digest string     `json:"digest"`
}

// NewSources makes sources of files; it computes the digests that are not there.
func NewSources(files []Source) (*Sources, error) {
	list := make([]listed, len(files))
	for i := range files {
		if files[i].Digest == [sha256.Size]byte{} {
			files[i].Digest = sha256.Sum256(files[i].Content)
		}
		list[i] = listed{files[i].Kind, files[i].Name, hex.EncodeToString(files[i].Digest[:])}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("listing sources: %w", err)
	}
	return &Sources{Files: files, List: b, Digest: sha256.Sum256(b)}, nil
}

// ReadSources reads a list that [NewSources] has made: the files have no content yet.
func ReadSources(list []byte) (*Sources, error) {
	var all []listed
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, fmt.Errorf("reading a list of sources: %w", err)
	}
	s := &Sources{Files: make([]Source, len(all)), List: list, Digest: sha256.Sum256(list)}
	for i, l := range all {
		f := &s.Files[i]
		f.Kind, f.Name = l.Kind, l.Name
		if n, err := hex.Decode(f.Digest[:], []byte(l.Digest[:min(len(l.Digest), 2*len(f.Digest))])); err != nil || n != len(f.Digest) {
			return nil, fmt.Errorf("reading a list of sources: %q has no digest", l.Name)
		}
	}
	return s, nil
}

// Owner is a journal that several processes use. Who carries a run on makes it its
// own first.
type Owner interface {
	// Own makes a run the caller's own until release is called or the process ends.
	// Where it is somebody else's, the error says whose. On systems that cannot tell,
	// it wraps errors.ErrUnsupported.
	Own(run string) (release func() error, err error)
}

// Mailbox is a journal with an inbox for each run: what others send to a run, whose
// owner journals it. A message that was journaled and not taken is found again; a
// run takes no answer twice.
type Mailbox interface {
	// Waiting gives the runs that have messages. It is cheap: it is asked twice a second.
	Waiting(ctx context.Context) (runs []string, err error)
	// Inbox gives the messages that wait for a run, in the order in which they came.
	Inbox(ctx context.Context, run string) ([]Message, error)
	// Take appends events to a run and removes messages, all or nothing. Events may
	// be none.
	Take(ctx context.Context, run string, messages []int64, events ...event.Event) error
}

// Message is something that was sent to a run and that its owner has not journaled
// yet.
type Message struct {
	Number int64       // of all messages that ever were, in the order in which they came
	Event  event.Event // its run, the time when it was sent, and what; without a number of its own
	Err    error       // why it cannot be read: Event is empty, and all that can be done is to take it
}
