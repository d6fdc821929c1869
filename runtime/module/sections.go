package module

// The sections that declare things: types, imports, functions, tables, memories, globals, exports, start, code.

import "fmt"

// Minimal sizes of the items of vectors, in bytes. They bound what a count may make us allocate.
const (
	minType    = 3
	minImport  = 4
	minTable   = 3
	minMemory  = 2
	minGlobal  = 4
	minExport  = 3
	minBody    = 2 // its size and at least one byte
	minElement = 3
	minData    = 2
	minExpr    = 2
	minName    = 2
)

const (
	hintGC      = "build for WebAssembly 2.0 without the garbage-collection and typed-reference proposals"
	hintThreads = "build without threads (-pthread, -matomics) and without a shared memory"
	hintWide    = "build for wasm32, not wasm64"
)

func (d *decoder) valueType() ValueType {
	at := d.pos
	t := ValueType(d.byte())
	if d.err != nil {
		return 0
	}
	switch t {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef:
		return t
	}
	hint := ""
	if t >= 0x63 && t <= 0x74 {
		hint = hintGC
	}
	d.failAt(at, fmt.Sprintf("unknown value type %#x", byte(t)), hint)
	return 0
}

func (d *decoder) refType() ValueType {
	at := d.pos
	t := d.valueType()
	if d.err == nil && t != FuncRef && t != ExternRef {
		d.failAt(at, t.String()+" is no reference type", "")
	}
	return t
}

func (m *Module) readTypes(d *decoder) {
	n := d.count("types", minType)
	m.Types = make([]FuncType, 0, n)
	for range n {
		at := d.pos
		switch form := d.byte(); form {
		case 0x60:
		case 0x4e, 0x4f, 0x50, 0x5e, 0x5f:
			d.failAt(at, "the module uses garbage-collected types, which are not supported", hintGC)
		default:
			d.failAt(at, fmt.Sprintf("unknown form of type %#x", form), "")
		}
		t := FuncType{Params: d.valueTypes("parameters"), Results: d.valueTypes("results")}
		if d.err != nil {
			return
		}
		m.Types = append(m.Types, t)
	}
}

func (d *decoder) valueTypes(what string) []ValueType {
	n := d.count(what, 1)
	if n == 0 {
		return nil
	}
	types := make([]ValueType, n)
	for i := range types {
		types[i] = d.valueType()
	}
	return types
}

func (m *Module) readImports(d *decoder) {
	n := d.count("imports", minImport)
	m.Imports = make([]Import, 0, n)
	for range n {
		i := Import{Module: d.name(), Name: d.name()}
		at := d.pos
		i.Kind = Kind(d.byte())
		switch i.Kind {
		case KindFunction:
			i.Type = d.index("type", len(m.Types))
		case KindTable:
			i.Table = d.table()
		case KindMemory:
			i.Memory = d.memory()
		case KindGlobal:
			i.Global = d.globalType()
		case 4:
			d.failAt(at, "the module uses exception handling, which is not supported", hintExceptions)
		default:
			d.failAt(at, fmt.Sprintf("unknown kind of import %#x", byte(i.Kind)), "")
		}
		if d.err != nil {
			return
		}
		m.Imports = append(m.Imports, i)
		if m.counts[i.Kind]++; i.Kind == KindFunction {
			m.imported = append(m.imported, i.Type)
		}
	}
}

// index reads an index and checks it against the size of its index space.
func (d *decoder) index(what string, size int) uint32 {
	at := d.pos
	i := d.u32()
	if d.err == nil && uint64(i) >= uint64(size) {
		d.failAt(at, fmt.Sprintf("%s index %d does not exist, there are %d", what, i, size), "")
		return 0
	}
	return i
}

func (m *Module) functionCount() int { return int(m.counts[KindFunction]) + len(m.Functions) }
func (m *Module) tableCount() int    { return int(m.counts[KindTable]) + len(m.Tables) }
func (m *Module) memoryCount() int   { return int(m.counts[KindMemory]) + len(m.Memories) }
func (m *Module) globalCount() int   { return int(m.counts[KindGlobal]) + len(m.Globals) }

func (d *decoder) limits() (lo, hi uint32, hasMax bool) {
	at := d.pos
	flags := d.byte()
	switch {
	case d.err != nil:
		return 0, 0, false
	case flags > 7:
		d.failAt(at, fmt.Sprintf("unknown limits flag %#x", flags), "")
		return 0, 0, false
	case flags&4 != 0:
		d.failAt(at, "the module uses 64-bit memory or tables, which are not supported", hintWide)
		return 0, 0, false
	case flags&2 != 0:
		d.failAt(at, "the module uses shared memory, which is not supported", hintThreads)
		return 0, 0, false
	}
	lo = d.u32()
	if flags&1 != 0 {
		hi, hasMax = d.u32(), true
		if d.err == nil && lo > hi {
			d.failAt(at, fmt.Sprintf("minimum %d is larger than maximum %d", lo, hi), "")
		}
	}
	return lo, hi, hasMax
}

func (d *decoder) table() Table {
	if d.rest() > 0 && d.b[d.pos] == 0x40 {
		d.fail("the module uses tables with an initial value, which are not supported", hintGC)
		return Table{}
	}
	t := Table{Element: d.refType()}
	t.Min, t.Max, t.HasMax = d.limits()
	return t
}

func (d *decoder) memory() Memory {
	const pages = 1 << 16
	at := d.pos
	var m Memory
	m.Min, m.Max, m.HasMax = d.limits()
	if d.err == nil && (m.Min > pages || m.HasMax && m.Max > pages) {
		d.failAt(at, "memory is larger than 4 GiB", "")
	}
	return m
}

func (d *decoder) globalType() GlobalType {
	g := GlobalType{Type: d.valueType()}
	at := d.pos
	switch b := d.byte(); b {
	case 0:
	case 1:
		g.Mutable = true
	default:
		d.failAt(at, fmt.Sprintf("unknown mutability %#x", b), "")
	}
	return g
}

func (m *Module) readFunctions(d *decoder) {
	n := d.count("functions", 1)
	m.Functions = make([]uint32, n)
	for i := range m.Functions {
		m.Functions[i] = d.index("type", len(m.Types))
	}
}

func (m *Module) readTables(d *decoder) {
	n := d.count("tables", minTable)
	for range n {
		t := d.table()
		if d.err != nil {
			return
		}
		m.Tables = append(m.Tables, t)
	}
}

func (m *Module) readMemories(d *decoder) {
	n := d.count("memories", minMemory)
	for range n {
		t := d.memory()
		if d.err != nil {
			return
		}
		m.Memories = append(m.Memories, t)
	}
}

func (m *Module) readGlobals(d *decoder) {
	n := d.count("globals", minGlobal)
	m.Globals = make([]Global, 0, n)
	for range n {
		// The initial value may name the globals before this one, and no function index that does not exist.
		g := Global{GlobalType: d.globalType(), Init: m.readExpr(d)}
		if d.err != nil {
			return
		}
		m.Globals = append(m.Globals, g)
	}
}

func (m *Module) readExports(d *decoder) {
	n := d.count("exports", minExport)
	m.Exports = make([]Export, 0, n)
	m.exported = make(map[string]int, n)
	for range n {
		at := d.pos
		e := Export{Name: d.name()}
		if _, twice := m.exported[e.Name]; twice && d.err == nil {
			d.failAt(at, fmt.Sprintf("%q is exported twice", e.Name), "")
		}
		at = d.pos
		e.Kind = Kind(d.byte())
		switch e.Kind {
		case KindFunction:
			e.Index = d.index("function", m.functionCount())
		case KindTable:
			e.Index = d.index("table", m.tableCount())
		case KindMemory:
			e.Index = d.index("memory", m.memoryCount())
		case KindGlobal:
			e.Index = d.index("global", m.globalCount())
		case 4:
			d.failAt(at, "the module uses exception handling, which is not supported", hintExceptions)
		default:
			d.failAt(at, fmt.Sprintf("unknown kind of export %#x", byte(e.Kind)), "")
		}
		if d.err != nil {
			return
		}
		m.exported[e.Name] = len(m.Exports)
		m.Exports = append(m.Exports, e)
	}
}

func (m *Module) readStart(d *decoder) {
	at := d.pos
	start := d.index("function", m.functionCount())
	if d.err != nil {
		return
	}
	if t, _ := m.FunctionType(start); len(t.Params) > 0 || len(t.Results) > 0 {
		d.failAt(at, fmt.Sprintf("the start function has type %s, it must take and give nothing", t), "")
		return
	}
	m.Start = &start
}

func (m *Module) readCode(d *decoder) {
	n := d.count("bodies", minBody)
	m.Code = make([]Body, 0, n)
	for range n {
		size := d.u32()
		at := d.pos
		data := d.bytes(size)
		if d.err != nil {
			return
		}
		m.Code = append(m.Code, Body{Offset: d.base + at, Data: data})
	}
}
