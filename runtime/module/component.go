package module

// Components, as far as it takes to tell their author what there is in one.

// A Component is what the outermost layer of a component (WebAssembly component model) says of itself. chainrun runs
// core modules only; this is for messages.
type Component struct {
	CoreModules int      // core modules that lie in it
	Components  int      // components that lie in it
	Imports     []string // such as "wasi:cli/stdout@0.2.0", in the order of the file
	Exports     []string
}

// Sections of a component.
const (
	componentCoreModule = 1
	componentNested     = 4
	componentImport     = 10
	componentExport     = 11
)

// ReadComponent gives what can be read of a component, up to the first thing that is not understood: the format is not
// final. It gives nil for any other file.
func ReadComponent(wasm []byte) *Component {
	if err := checkHeader(wasm); err == nil || err.cause != ErrComponent { //nolint:errorlint // our own, unwrapped
		return nil
	}
	c := &Component{}
	d := &decoder{b: wasm, pos: 8}
	for d.rest() > 0 && d.err == nil {
		id := d.byte()
		s := &decoder{b: d.bytes(d.u32())}
		if d.err != nil {
			break
		}
		switch id {
		case componentCoreModule:
			c.CoreModules++
		case componentNested:
			c.Components++
		case componentImport:
			for range s.count("imports", minImport) {
				if name := s.externName(); s.err == nil {
					c.Imports = append(c.Imports, name)
				}
				s.skipExtern()
			}
		case componentExport:
			for range s.count("exports", minImport) {
				if name := s.externName(); s.err == nil {
					c.Exports = append(c.Exports, name)
				}
				if s.byte() == 0 { // of a core sort
					s.byte()
				}
				s.u32()
				if s.byte() == 1 {
					s.skipExtern()
				}
			}
		}
		if s.err != nil {
			break
		}
	}
	return c
}

func (d *decoder) externName() string {
	kind := d.byte()
	name := d.name()
	if kind == 2 { // with a suffix of its version
		d.name()
	}
	if kind > 2 {
		d.fail("unknown kind of name", "")
	}
	return name
}

// skipExtern passes over what an import or an export is.
func (d *decoder) skipExtern() {
	switch sort := d.byte(); sort {
	case 0: // a core module
		d.byte()
		d.u32()
	case 1, 4, 5: // function, component, instance
		d.u32()
	case 2: // value
		if d.byte() == 0 {
			d.u32()
		} else {
			d.skipSigned(33)
		}
	case 3: // type
		if d.byte() == 0 {
			d.u32()
		}
	default:
		d.fail("unknown sort", "")
	}
}
