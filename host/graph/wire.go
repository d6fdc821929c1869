package graph

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/schema"
)

func (s SchemaSource) written() bool { return s.File != "" || !s.Inline.Document.IsZero() }

// loadedSchema is a schema file that was read once, with its complaint.
type loadedSchema struct {
	schema           *schema.Schema
	code, text, hint string
	pointer          string
}

// wire compiles a schema.
func (b *builder) wire(s SchemaSource, label string) Wire {
	if !s.written() {
		return Wire{At: s.At}
	}
	key := "file " + s.File
	if s.File == "" {
		key = "inline " + s.Inline.Document.String()
	}
	l, ok := b.schemas[key]
	if !ok {
		l = b.loadSchema(s, label)
		b.schemas[key] = l
	}
	if l.code != "" {
		where := s.At
		if p, ok := s.Inline.Places[l.pointer]; ok {
			where = p
		}
		b.complain(where, l.code, label+": "+l.text, l.hint)
	}
	return Wire{Schema: l.schema, At: s.At}
}

func (b *builder) loadSchema(s SchemaSource, label string) *loadedSchema {
	name, text, folder := label, s.Inline.Document.Bytes(), "."
	if s.File != "" {
		if why := outside(s.File); why != "" {
			return &loadedSchema{code: CodeUnreadableFile, text: fmt.Sprintf("%q %s", s.File, why), hint: "put the file into the graph's folder, and write its path with / from there"}
		}
		name = path.Clean(s.File)
		folder = path.Dir(name)
		var err error
		if text, err = b.read(name); err != nil {
			return &loadedSchema{code: CodeUnreadableFile, text: fmt.Sprintf("cannot read %q: %s", s.File, reason(err)), hint: "it is looked for in the graph's folder"}
		}
	}
	compiled, err := schema.Compile(name, text, func(ref string) ([]byte, error) {
		full := path.Join(folder, ref)
		if why := outside(full); why != "" {
			return nil, fmt.Errorf("%q %s", ref, why)
		}
		return b.read(full)
	})
	if err == nil {
		return &loadedSchema{schema: compiled}
	}
	l := &loadedSchema{code: CodeBadSchema, text: err.Error()}
	if bad, ok := errors.AsType[*schema.CompileError](err); ok {
		l.text, l.hint = bad.Text, bad.Hint
		if bad.Pointer != "" {
			l.text = fmt.Sprintf("at %s: %s", bad.Pointer, bad.Text)
		}
		switch {
		case bad.File != "":
			l.text = path.Join(folder, bad.File) + ": " + l.text
		case s.File != "":
			l.text = s.File + ": " + l.text
		default:
			l.pointer = bad.Pointer
		}
	}
	return l
}

func (b *builder) read(name string) ([]byte, error) {
	if b.load == nil {
		return nil, errors.New("no files can be read here")
	}
	return b.load(name)
}

// outside says why a path does not lead to a file in the graph's folder.
func outside(name string) string {
	switch {
	case strings.Contains(name, `\`):
		return `contains \`
	case path.IsAbs(name) || len(name) > 1 && name[1] == ':':
		return "is an absolute path"
	case slices.Contains(strings.Split(path.Clean(name), "/"), ".."):
		return "leads out of the graph's folder"
	case strings.Contains(name, "://"):
		return "is a URL; schemas are read from files only"
	case !fs.ValidPath(path.Clean(name)) || path.Clean(name) == "." || strings.ContainsRune(name, 0):
		return "is not the path of a file"
	}
	return ""
}

// reason leaves out the path that an error of the file system repeats.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file"
	}
	return err.Error()
}

// readState resolves [state.KEY].
func (b *builder) readState() {
	for _, s := range b.src.State {
		label := "state." + s.Name
		if why := nameFault(s.Name); why != "" {
			b.complain(s.At, CodeBadName, fmt.Sprintf("state key %q: %s", s.Name, why), "rename it")
			continue
		}
		if b.state[s.Name] != nil {
			b.complain(s.At, CodeDuplicate, label+" is declared twice", "remove one")
			continue
		}
		k := &StateKey{Index: len(b.graph.State), Name: s.Name, Initial: s.Initial.Document, Reduce: ReduceReplace, At: s.At}
		k.Schema = b.wire(s.Schema, label+".schema").Schema
		b.reducer(k, s, label)
		b.graph.State = append(b.graph.State, k)
		b.state[s.Name] = k
		b.stateNames = append(b.stateNames, s.Name)
	}
}
