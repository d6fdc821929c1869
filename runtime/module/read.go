package module

// Reading a file: the header, the order of the sections, and what they must agree on.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// Section ids of the binary format.
const (
	SectionCustom    = 0
	SectionType      = 1
	SectionImport    = 2
	SectionFunction  = 3
	SectionTable     = 4
	SectionMemory    = 5
	SectionGlobal    = 6
	SectionExport    = 7
	SectionStart     = 8
	SectionElement   = 9
	SectionCode      = 10
	SectionData      = 11
	SectionDataCount = 12
	sectionTag       = 13
)

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data",
	"data count", "tag",
}

// sectionRank gives the place of each section in the order that the specification asks for.
var sectionRank = [...]int{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6}

// Read parses the sections of a core WebAssembly binary. It checks their structure and bounds: counts, sizes, names,
// and every index outside of function bodies. It does not look into function bodies, nor at the types of constant
// expressions. It keeps wasm, which the caller must not change afterwards.
//
// The error is a [*FormatError]; for a component errors.Is(err, [ErrComponent]) holds.
func Read(wasm []byte) (*Module, error) {
	m, err := Partial(wasm)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Partial reads as [Read] does and gives, beside the error, what it found before that, for people to look at: whole
// sections, and of the one at fault perhaps a part. Such a module is good for nothing else.
func Partial(wasm []byte) (*Module, error) {
	m := &Module{Bytes: wasm}
	digest := digestOf(wasm)
	err := m.read(wasm)
	m.Digest = <-digest
	if err != nil {
		return m, err // not through the typed nil of *FormatError
	}
	return m, nil
}

// digestOf gives the digest of a file; of a large one while the caller goes on.
func digestOf(wasm []byte) <-chan string {
	const large = 1 << 20
	digest := make(chan string, 1)
	of := func() {
		sum := sha256.Sum256(wasm)
		digest <- "sha256:" + hex.EncodeToString(sum[:])
	}
	if len(wasm) < large {
		of()
	} else {
		go of()
	}
	return digest
}

func (m *Module) read(wasm []byte) *FormatError {
	if err := checkHeader(wasm); err != nil {
		return err
	}
	d := &decoder{b: wasm, pos: 8}
	rank := 0
	for d.rest() > 0 {
		at := d.pos
		id := d.byte()
		if int(id) >= len(sectionNames) {
			d.failAt(at, "unknown section", "")
			return d.err
		}
		d.section = sectionNames[id]
		size := d.u32()
		offset := d.pos
		data := d.bytes(size)
		if d.err != nil {
			return d.err
		}
		s := &decoder{b: data, base: offset, section: sectionNames[id]}
		if id != SectionCustom {
			if sectionRank[id] <= rank {
				d.failAt(at, "section is out of order or there twice", "")
				return d.err
			}
			rank = sectionRank[id]
		}
		section := Section{ID: id, Offset: offset, Data: data}
		m.readSection(&section, s)
		if s.err == nil && s.rest() > 0 {
			s.failf("%d bytes are left over", s.rest())
		}
		if s.err != nil {
			return s.err
		}
		m.Sections = append(m.Sections, section)
		d.section = ""
	}
	return m.checkWhole(len(wasm))
}

func (m *Module) readSection(section *Section, d *decoder) {
	switch section.ID {
	case SectionCustom:
		section.Name = d.name()
		section.Offset += d.pos
		section.Data = d.bytes(uint32(d.rest()))
		if d.err == nil && section.Name == "name" && m.Names == nil {
			m.Names = readFunctionNames(section.Data)
		}
	case SectionType:
		m.readTypes(d)
	case SectionImport:
		m.readImports(d)
	case SectionFunction:
		m.readFunctions(d)
	case SectionTable:
		m.readTables(d)
	case SectionMemory:
		m.readMemories(d)
	case SectionGlobal:
		m.readGlobals(d)
	case SectionExport:
		m.readExports(d)
	case SectionStart:
		m.readStart(d)
	case SectionElement:
		m.readElements(d)
	case SectionDataCount:
		n := d.u32()
		m.DataCount = &n
	case SectionCode:
		m.readCode(d)
	case SectionData:
		m.readData(d)
	case sectionTag:
		d.fail("the module uses exception handling, which is not supported", hintExceptions)
	}
}

// checkWhole compares what only the end of the file can tell.
func (m *Module) checkWhole(size int) *FormatError {
	if len(m.Functions) != len(m.Code) {
		d := decoder{base: size, section: "code"}
		d.failf("%d functions are declared, %d have a body", len(m.Functions), len(m.Code))
		return d.err
	}
	if m.DataCount != nil && uint64(*m.DataCount) != uint64(len(m.Data)) {
		d := decoder{base: size, section: "data"}
		d.failf("%d segments are announced, %d are there", *m.DataCount, len(m.Data))
		return d.err
	}
	return nil
}

const hintExceptions = "build without exceptions (C++: -fno-exceptions; Rust: panic=abort)"

func checkHeader(wasm []byte) *FormatError {
	switch {
	case len(wasm) == 0:
		return &FormatError{Text: "the file is empty"}
	case !bytes.HasPrefix(wasm, []byte("\x00asm")):
		return &FormatError{Text: "this is no WebAssembly module: it does not begin with \\0asm", Hint: hintForeign(wasm)}
	case len(wasm) < 8:
		return &FormatError{Offset: len(wasm), Text: "the file ends within its header"}
	case bytes.Equal(wasm[4:8], []byte{1, 0, 0, 0}):
		return nil
	case wasm[6] == 1 && wasm[7] == 0:
		return &FormatError{
			Offset: 4,
			Text:   "this is a component (WebAssembly component model); only core modules can be nodes",
			Hint: "build for wasm32-wasip1 (Go: GOOS=wasip1, Rust: --target wasm32-wasip1, C: --target=wasm32-wasi), " +
				"or take the core module out of the component with `wasm-tools component unbundle`",
			cause: ErrComponent,
		}
	}
	return &FormatError{Offset: 4, Text: "unknown version of the binary format", Hint: "only version 1 is supported"}
}

func hintForeign(b []byte) string {
	switch t := bytes.TrimLeft(b, " \t\r\n"); {
	case bytes.HasPrefix(t, []byte("(")), bytes.HasPrefix(t, []byte(";;")):
		return "this looks like the text format; translate it with wat2wasm"
	case bytes.HasPrefix(b, []byte("\x7fELF")), bytes.HasPrefix(b, []byte("MZ")), bytes.HasPrefix(b, []byte("\xcf\xfa\xed\xfe")):
		return "this is a native program; build it for WebAssembly (Go: GOOS=wasip1 GOARCH=wasm)"
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		return "this is a gzip file; unpack it first"
	case bytes.HasPrefix(b, []byte("version https://git-lfs")):
		return "this is a Git LFS pointer; fetch the file with `git lfs pull`"
	}
	return "build the node for WebAssembly (Go: GOOS=wasip1 GOARCH=wasm, Rust: --target wasm32-wasip1)"
}
