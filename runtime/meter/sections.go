package meter

// Writing the module around the bodies: the sections that grow or hold function indices.

import (
	"slices"
	"strconv"

	"github.com/chainrun/chainrun/runtime/module"
)

// layout is where the additions of the rewriter lie in the index spaces.
type layout struct {
	types               []module.FuncType // appended
	nothing, refuelType uint32            // type indices of () -> () and (i64) -> i64
	blocks              map[uint32]uint32 // from the type of a function to the type of a block with its results
	yield, refuel       uint32
	own                 []ownGlobal
	globals             []string // export names of the module's own globals
	globalIndexes       []uint32
}

// An ownGlobal is a mutable global of the meter, with its value at the start.
type ownGlobal struct {
	export string
	typ    byte
	value  int64
}

// global gives the index of one of the meter's globals, and whether it is there.
func (r *rewriter) global(l *layout, export string) (uint32, bool) {
	for i, g := range l.own {
		if g.export == export {
			return r.scanner.globals + uint32(i), true
		}
	}
	return 0, false
}

// typeIndex finds a type or appends it.
func (r *rewriter) typeIndex(l *layout, known map[string]uint32, t module.FuncType) uint32 {
	key := typeKey(t)
	i, ok := known[key]
	if !ok {
		i = uint32(len(r.m.Types) + len(l.types))
		known[key] = i
		l.types = append(l.types, t)
	}
	return i
}

func typeKey(t module.FuncType) string {
	key := make([]byte, 0, len(t.Params)+len(t.Results)+1)
	for _, v := range t.Params {
		key = append(key, byte(v))
	}
	key = append(key, 0)
	for _, v := range t.Results {
		key = append(key, byte(v))
	}
	return string(key)
}

func (r *rewriter) layout() *layout {
	m := r.m
	l := &layout{blocks: map[uint32]uint32{}}
	known := map[string]uint32{}
	for i, t := range m.Types {
		if _, ok := known[typeKey(t)]; !ok {
			known[typeKey(t)] = uint32(i)
		}
	}
	l.nothing = r.typeIndex(l, known, module.FuncType{})
	l.refuelType = r.typeIndex(l, known, module.FuncType{
		Params: []module.ValueType{module.I64}, Results: []module.ValueType{module.I64},
	})
	for n := range r.functions {
		f := &r.functions[n]
		t := m.Functions[n]
		if results := m.Types[t].Results; len(results) > 1 && f.wrapped {
			if _, ok := l.blocks[t]; !ok {
				l.blocks[t] = r.typeIndex(l, known, module.FuncType{Results: results})
			}
		}
	}
	l.yield = r.imported
	l.refuel = r.scanner.functions + 1
	l.own = []ownGlobal{{fuelExport, typeI64, 0}, {bulkExport, typeI64, 0}}
	if r.config.CallDepth {
		l.own = append(l.own, ownGlobal{depthExport, typeI32, DefaultCallDepth})
	}
	if r.scanner.grows {
		l.own = append(l.own, ownGlobal{refusedExport, typeI32, 0})
	}
	for n, g := range m.Globals {
		if g.Mutable && settable(g.Type) {
			index := m.ImportCount(module.KindGlobal) + uint32(n)
			l.globals = append(l.globals, prefix+":global:"+strconv.FormatUint(uint64(index), 10))
			l.globalIndexes = append(l.globalIndexes, index)
		}
	}
	return l
}

// write puts the rewritten module together.
func (r *rewriter) write() *Metered {
	l := r.layout()
	w := &writer{e: emitter{
		out:      make([]byte, 0, len(r.m.Bytes)+len(r.m.Bytes)/3+1024),
		imported: r.imported,
		refuel:   l.refuel,
	}}
	w.e.fuel, _ = r.global(l, fuelExport)
	w.e.bulk, _ = r.global(l, bulkExport)
	var counts, grows bool
	w.e.depth, counts = r.global(l, depthExport)
	w.e.refused, grows = r.global(l, refusedExport)
	w.e.out = append(w.e.out, "\x00asm\x01\x00\x00\x00"...)
	r.writeTypes(w, l)
	r.writeImports(w, l)
	r.writeFunctions(w, l)
	r.copySection(w, module.SectionTable)
	r.copySection(w, module.SectionMemory)
	r.writeGlobals(w, l)
	r.writeExports(w, l)
	if s := r.m.Start; s != nil {
		w.section(module.SectionStart, func() { w.e.u32(w.e.function(*s)) })
	}
	r.writeElements(w)
	r.copySection(w, module.SectionDataCount)
	r.writeCode(w, l)
	r.copySection(w, module.SectionData)
	r.writeNames(w)
	metered := &Metered{
		Wasm:       w.e.out,
		FuelExport: fuelExport, BulkExport: bulkExport,
		YieldModule: prefix, YieldName: yieldName,
		Globals:      l.globals,
		Irreversible: r.scanner.irreversible.reasons,
	}
	if counts {
		metered.DepthExport = depthExport
	}
	if grows {
		metered.RefusedExport = refusedExport
	}
	return metered
}

// A writer writes sections.
type writer struct {
	e       emitter
	scratch []byte
}

// section writes a section whose content write appends. Its size is written before it, in as many bytes as it needs.
func (w *writer) section(id byte, write func()) {
	w.e.out = append(w.e.out, id)
	w.sized(write)
}

// sized writes a length and then what write appends.
func (w *writer) sized(write func()) {
	start := len(w.e.out)
	write()
	size := len(w.e.out) - start
	var b [5]byte
	head := appendUint(b[:0], uint32(size))
	w.e.out = slices.Insert(w.e.out, start, head...)
}

func appendUint(b []byte, v uint32) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func (w *writer) name(s string) {
	w.e.u32(uint32(len(s)))
	w.e.out = append(w.e.out, s...)
}

func (w *writer) valueTypes(types []module.ValueType) {
	w.e.u32(uint32(len(types)))
	for _, t := range types {
		w.e.op(byte(t))
	}
}

// items gives the items of a vector section as they lie in the file, without their count.
func (r *rewriter) items(id byte) []byte {
	for _, s := range r.m.Sections {
		if s.ID != id {
			continue
		}
		b := s.Data
		for len(b) > 0 && b[0] >= 0x80 {
			b = b[1:]
		}
		return b[min(1, len(b)):]
	}
	return nil
}

func (r *rewriter) copySection(w *writer, id byte) {
	for _, s := range r.m.Sections {
		if s.ID == id {
			w.section(id, func() { w.e.op(s.Data...) })
		}
	}
}

func (r *rewriter) writeTypes(w *writer, l *layout) {
	w.section(module.SectionType, func() {
		w.e.u32(uint32(len(r.m.Types) + len(l.types)))
		w.e.op(r.items(module.SectionType)...)
		for _, t := range l.types {
			w.e.op(0x60)
			w.valueTypes(t.Params)
			w.valueTypes(t.Results)
		}
	})
}

func (r *rewriter) writeImports(w *writer, l *layout) {
	w.section(module.SectionImport, func() {
		w.e.u32(uint32(len(r.m.Imports) + 1))
		w.e.op(r.items(module.SectionImport)...)
		w.name(prefix)
		w.name(yieldName)
		w.e.op(byte(module.KindFunction))
		w.e.u32(l.nothing)
	})
}

func (r *rewriter) writeFunctions(w *writer, l *layout) {
	w.section(module.SectionFunction, func() {
		w.e.u32(uint32(len(r.m.Functions) + 1))
		w.e.op(r.items(module.SectionFunction)...)
		w.e.u32(l.refuelType)
	})
}

func (r *rewriter) writeGlobals(w *writer, l *layout) {
	w.section(module.SectionGlobal, func() {
		w.e.u32(uint32(len(r.m.Globals) + len(l.own)))
		for _, g := range r.m.Globals {
			w.e.op(byte(g.Type))
			if g.Mutable {
				w.e.op(1)
			} else {
				w.e.op(0)
			}
			w.expr(g.Init)
		}
		for _, g := range l.own {
			constant := byte(opI64Const)
			if g.typ == typeI32 {
				constant = opI32Const
			}
			w.e.op(g.typ, 1, constant)
			w.e.s64(g.value)
			w.e.op(opEnd)
		}
	})
}

func (r *rewriter) writeExports(w *writer, l *layout) {
	var exports []module.Export
	for _, g := range l.own {
		index, _ := r.global(l, g.export)
		exports = append(exports, module.Export{Name: g.export, Kind: module.KindGlobal, Index: index})
	}
	for i, name := range l.globals {
		exports = append(exports, module.Export{Name: name, Kind: module.KindGlobal, Index: l.globalIndexes[i]})
	}
	w.section(module.SectionExport, func() {
		w.e.u32(uint32(len(r.m.Exports) + len(exports)))
		export := func(e module.Export, index uint32) {
			w.name(e.Name)
			w.e.op(byte(e.Kind))
			w.e.u32(index)
		}
		for _, e := range r.m.Exports {
			if e.Kind == module.KindFunction {
				export(e, w.e.function(e.Index))
			} else {
				export(e, e.Index)
			}
		}
		for _, e := range exports {
			export(e, e.Index)
		}
	})
}

func (r *rewriter) writeCode(w *writer, l *layout) {
	w.section(module.SectionCode, func() {
		w.e.u32(uint32(len(r.functions) + 1))
		for n := range r.functions {
			f := &r.functions[n]
			t := r.m.Functions[n]
			var results resultType
			switch types := r.m.Types[t].Results; len(types) {
			case 0:
				results.value = typeEmpty
			case 1:
				results.value = uint32(types[0])
			default:
				results = resultType{index: true, value: l.blocks[t]}
			}
			w.body(func() { w.e.body(f, r.m.Code[n].Data, results) })
		}
		w.body(func() { w.refuel(l) })
	})
}

// body writes a function body with its size before it. The body is built aside, so that nothing is moved twice.
func (w *writer) body(write func()) {
	out := w.e.out
	w.e.out = w.scratch[:0]
	write()
	w.scratch = w.e.out
	w.e.out = appendUint(out, uint32(len(w.scratch)))
	w.e.out = append(w.e.out, w.scratch...)
}

// refuel is the one function that calls the host: (fuel left) -> fuel left. It keeps the cold path at each check short.
func (w *writer) refuel(l *layout) {
	w.e.op(0) // no locals
	w.e.with(opLocalGet, 0)
	w.e.with(opGlobalSet, w.e.fuel)
	w.e.with(opCall, l.yield)
	w.e.with(opGlobalGet, w.e.fuel)
	w.e.op(opEnd)
}
