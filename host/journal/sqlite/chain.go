package sqlite

// What an event is in the file: its text with the large documents taken out,
// and the hashes that hold it in its place.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/chainrun/chainrun/host/event"
)

// hash is a SHA-256.
type hash [sha256.Size]byte

// largeBytes is the size from which on a document is kept beside its event.
const largeBytes = 1 << 10

// record is an event as it is stored.
type record struct {
	seq       uint64
	text      []byte   // with digests in place of the large documents
	cuts      []int    // where in text they stand
	documents [][]byte // what stood there
	digests   []hash   // of the documents
	hash      hash     // of the event's whole encoding
}

// batch is the records of one append. Its memory is used again by later ones: an
// event's encoding is most of what there would be to throw away.
type batch struct {
	records []record
	encoded []byte // the texts, whole, one after another
}

// maxBatchBytes is how much memory a batch may have that is used again.
const maxBatchBytes = 256 << 10

var batches = sync.Pool{New: func() any { return new(batch) }}

// encode makes the records of events, up to the first that cannot be encoded. Who has
// stored them calls done.
func encode(events []event.Event) (*batch, error) {
	b := batches.Get().(*batch) //nolint:forcetypeassert // nothing else is in the pool
	for _, e := range events {
		begin := len(b.encoded)
		all, err := event.Append(b.encoded, e)
		if err != nil {
			return b, err
		}
		b.encoded = all
		text := all[begin:len(all):len(all)]
		r := record{seq: e.Seq, text: text, hash: sha256.Sum256(text)}
		if mayHaveLarge(e, text) {
			r.text = r.cut(text)
		}
		b.records = append(b.records, r)
	}
	return b, nil
}

// done gives the batch's memory back. Nobody may have any of it any more.
func (b *batch) done() {
	clear(b.records)
	b.records, b.encoded = b.records[:0], b.encoded[:0]
	if cap(b.encoded) <= maxBatchBytes && cap(b.records)*int(unsafe.Sizeof(record{})) <= maxBatchBytes {
		batches.Put(b)
	}
}

// mayHaveLarge says whether a value in an event's encoding can be large: not where
// its document is small, and all else together is.
func mayHaveLarge(e event.Event, b []byte) bool {
	var d []byte
	switch body := e.Body.(type) {
	case event.AttemptSucceeded:
		d = body.Output.Bytes()
	case event.RunStarted:
		d = body.Input.Bytes()
	case event.RunFinished:
		d = body.Output.Bytes()
	default:
	}
	return max(len(d), len(b)-len(d)) >= largeBytes
}

// cut takes the large documents out of an encoded event.
func (r *record) cut(b []byte) []byte {
	var out []byte
	from := 0
	for begin, end := range large(b) {
		document := b[begin:end]
		digest := sha256.Sum256(document)
		out = append(out, b[from:begin]...)
		r.cuts = append(r.cuts, len(out))
		r.documents = append(r.documents, document)
		r.digests = append(r.digests, digest)
		out = append(out, reference(digest)...)
		from = end
	}
	if from == 0 {
		return b
	}
	return append(out, b[from:]...)
}

// large gives where the values of 1 KiB and more stand in an encoded event:
// those of its members, and those of the members of the objects in its arrays.
// The latter is where attempt_succeeded has the values that the attempt keeps.
// The event is JSON that was written here, so its form is not doubted.
func large(b []byte) func(yield func(begin, end int) bool) {
	return func(yield func(begin, end int) bool) {
		members(b, 0, func(key string, begin, end int) bool {
			if end-begin < largeBytes {
				return true
			}
			if key != "stored" {
				return yield(begin, end)
			}
			more := true
			// Nothing inside of a value reaches beyond its end, whatever it is.
			elements(b[:end], begin, func(begin, end int) bool {
				members(b[:end], begin, func(_ string, begin, end int) bool {
					if end-begin >= largeBytes {
						more = yield(begin, end)
					}
					return more
				})
				return more
			})
			return more
		})
	}
}

// members walks over the object that begins at b[at]: the keys as they are
// written, and where the values are. Its end is where it stops; an object that
// has none ends with b.
func members(b []byte, at int, member func(key string, begin, end int) bool) {
	for at++; at < len(b) && b[at] != '}'; {
		if c := b[at]; c != '"' {
			at++ // space, a comma
			continue
		}
		end := skip(b, at)
		key := string(b[at+1 : max(end-1, at+1)])
		for at = end; at < len(b) && (b[at] == ':' || isSpace(b[at])); at++ {
		}
		end = skip(b, at)
		if end == at || !member(key, at, end) {
			return
		}
		at = end
	}
}

// elements walks over the array that begins at b[at].
func elements(b []byte, at int, element func(begin, end int) bool) {
	for at++; at < len(b) && b[at] != ']'; {
		if b[at] == ',' || isSpace(b[at]) {
			at++
			continue
		}
		end := skip(b, at)
		if end == at || !element(at, end) {
			return
		}
		at = end
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skip gives the end of the value that begins at b[at].
func skip(b []byte, at int) int {
	depth := 0
	for at < len(b) {
		switch b[at] {
		case '"':
			at++
			for at < len(b) && b[at] != '"' {
				if b[at] == '\\' {
					at++
				}
				at++
			}
			at = min(at+1, len(b))
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
			at++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			for at < len(b) && !bytes.ContainsRune([]byte(`,:]}" `+"\t\n\r"), rune(b[at])) {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

const referencePrefix = "sha256:"

// referenceBytes is the length of a reference, quotes included.
const referenceBytes = len(referencePrefix) + 2*sha256.Size + 2

// reference is what stands in the place of a large document: its digest as a
// JSON string.
func reference(digest hash) string {
	return `"` + referencePrefix + hex.EncodeToString(digest[:]) + `"`
}

// referenced reads the reference at an offset of an event's text.
func referenced(b []byte, at int) (digest hash, err error) {
	if at < 0 || at > len(b)-referenceBytes {
		return digest, fmt.Errorf("its cut at %d lies outside of it", at)
	}
	inside, ok := bytes.CutPrefix(b[at+1:at+referenceBytes-1], []byte(referencePrefix))
	_, err = hex.Decode(digest[:], inside)
	// Letters could be of another case, which no reader would notice.
	if err != nil || !ok || reference(digest) != string(b[at:at+referenceBytes]) {
		return digest, fmt.Errorf("there is no digest at its cut at %d", at)
	}
	return digest, nil
}

// formatCuts writes offsets as a JSON array, nil where there are none.
func formatCuts(cuts []int) any {
	if len(cuts) == 0 {
		return nil
	}
	b := []byte{'['}
	for i, at := range cuts {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(at), 10)
	}
	return string(append(b, ']'))
}

// parseCuts reads what formatCuts has written: ascending offsets.
func parseCuts(s string) (cuts []int, err error) {
	if s == "" {
		return nil, nil
	}
	inside, ok := strings.CutPrefix(s, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	last := -referenceBytes
	for field := range strings.SplitSeq(inside, ",") {
		at, err := strconv.Atoi(field)
		if err != nil || !ok || !closed || at < last+referenceBytes {
			return nil, fmt.Errorf("its cuts %.40q are no ascending offsets", s)
		}
		cuts = append(cuts, at)
		last = at
	}
	return cuts, nil
}

// splice puts documents back into an event's text.
func splice(b []byte, cuts []int, documents [][]byte) []byte {
	if len(cuts) == 0 {
		return b
	}
	size := len(b)
	for _, d := range documents {
		size += len(d)
	}
	out := make([]byte, 0, size)
	from := 0
	for i, at := range cuts {
		out = append(append(out, b[from:at]...), documents[i]...)
		from = at + referenceBytes
	}
	return append(out, b[from:]...)
}

// follow is the hash of a run's events up to one: of the hash up to the one
// before it (32 zero bytes before the first) and the hash of its encoding.
func follow(before, encoded hash) hash {
	var b [2 * sha256.Size]byte
	copy(b[:], before[:])
	copy(b[sha256.Size:], encoded[:])
	return sha256.Sum256(b[:])
}

// seal is the hash of a row's fields, each with its length before it.
func seal(fields ...[]byte) hash {
	var room [384]byte // for all that is sealed with each append
	b := room[:0]
	for _, f := range fields {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(f))), f...)
	}
	return sha256.Sum256(b)
}

func hashOf(b []byte) hash { return sha256.Sum256(b) }

func integer(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
