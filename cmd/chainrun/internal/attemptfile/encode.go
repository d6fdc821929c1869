package attemptfile

// From an attempt to text, and back.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/document"
)

// ErrTooLarge means that an attempt has more than [MaxBytes].
var ErrTooLarge = errors.New("the attempt is too large to be kept")

// Encode writes the file. encoding/json would take the space out of documents, so that
// these are put in afterwards.
func (f File) Encode() ([]byte, error) {
	w := &writer{}
	plain := f
	plain.Input = w.keep(f.Input)
	plain.Config = w.keep(f.Config)
	plain.Output = w.keep(f.Output)
	plain.InputSchema, plain.OutputSchema = w.schema(f.InputSchema), w.schema(f.OutputSchema)
	plain.Calls = slices.Clone(f.Calls)
	for i, c := range plain.Calls {
		plain.Calls[i].Request, plain.Calls[i].Answer = w.keep(c.Request), w.keep(c.Answer)
	}
	if w.size > MaxBytes {
		return nil, ErrTooLarge
	}
	var skeleton bytes.Buffer
	e := json.NewEncoder(&skeleton)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(plain); err != nil {
		return nil, fmt.Errorf("writing the attempt: %w", err)
	}
	text := w.fill(skeleton.Bytes())
	if len(text) > MaxBytes {
		return nil, ErrTooLarge
	}
	return text, nil
}

// writer keeps documents until their places are known. A place is a number that begins
// with a sequence which nothing else in the file has: strings cannot hold a raw byte of
// it, and other numbers are not so long.
type writer struct {
	kept []json.RawMessage
	size int
}

// place is the number that stands for document i: it is exact, and no document's own,
// since documents are never in the skeleton.
func place(i int) string { return fmt.Sprintf("-0.000000000000000000000000000000%d1", i) }

func (w *writer) keep(d json.RawMessage) json.RawMessage {
	if len(d) == 0 {
		return nil
	}
	w.kept = append(w.kept, d)
	w.size += len(d)
	return json.RawMessage(place(len(w.kept) - 1))
}

func (w *writer) schema(s *Schema) *Schema {
	if s == nil {
		return nil
	}
	made := &Schema{Schema: w.keep(s.Schema)}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if made.Files == nil {
			made.Files = map[string]json.RawMessage{}
		}
		made.Files[name] = w.keep(s.Files[name])
	}
	return made
}

// fill puts the documents in. Only what is outside of strings is a place.
func (w *writer) fill(skeleton []byte) []byte {
	places := make(map[string]json.RawMessage, len(w.kept))
	for i, d := range w.kept {
		places[place(i)] = d
	}
	out := make([]byte, 0, len(skeleton)+w.size)
	for i := 0; i < len(skeleton); {
		switch c := skeleton[i]; c {
		case '"':
			end := i + 1
			for skeleton[end] != '"' {
				if skeleton[end] == '\\' {
					end++
				}
				end++
			}
			out, i = append(out, skeleton[i:end+1]...), end+1
		case '-':
			end := i
			for strings.IndexByte("-.0123456789", skeleton[end]) >= 0 {
				end++
			}
			if d, ok := places[string(skeleton[i:end])]; ok {
				out = append(out, d...)
			} else {
				out = append(out, skeleton[i:end]...)
			}
			i = end
		default:
			out, i = append(out, c), i+1
		}
	}
	return out
}

// maxDepth leaves a document of the largest depth its room.
const maxDepth = document.DefaultDepth + 8

// Read reads a file, strictly.
func Read(name string) (*File, error) {
	from, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	f, err := Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Decode reads the text of a file.
func Decode(text []byte) (*File, error) {
	if _, err := document.Parse(text, document.Limits{Bytes: MaxBytes, Depth: maxDepth}); err != nil {
		return nil, fmt.Errorf("this is no attempt that was kept: %w", err)
	}
	var about struct {
		Version int `json:"chainrun_attempt"`
	}
	if err := json.Unmarshal(text, &about); err != nil || about.Version == 0 {
		return nil, errors.New(`this is no attempt that was kept: expected {"chainrun_attempt": 1, …}`)
	}
	if about.Version != Version {
		return nil, fmt.Errorf("version %d of the format is unknown; this program reads version %d", about.Version, Version)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f File
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("this is no attempt that was kept: %w", err)
	}
	if !f.Failure.Code.Known() {
		return nil, fmt.Errorf("failure code %q is not known", f.Failure.Code)
	}
	return &f, nil
}

// Name is the name of the file of an attempt: safe for every file system, and unlike
// that of any other attempt of the run.
func (f File) Name() string {
	step := stepName.Replace(f.Step)
	const most = 150
	if len(step) > most {
		step = strings.ToValidUTF8(step[:most], "") + "~" + shortDigest(f.Step)
	}
	return fmt.Sprintf("%s.%s.%d.json", f.Run, step, f.Attempt)
}

// stepName makes words for a shell of what joins names to the ids of steps; names have
// none of it.
var stepName = strings.NewReplacer("/", "+", "#", "=", "[", "@", "]", "")

func shortDigest(s string) string {
	return strings.TrimPrefix(document.String(s).Digest(), "sha256:")[:16]
}
