package meter

// Element segments, constant expressions and names: where function indices lie outside of bodies.

import (
	"github.com/chainrun/chainrun/runtime/module"
)

// expr writes a constant expression with its function indices moved. [module.Read] has checked its form.
func (w *writer) expr(x module.Expr) {
	b := body{b: x}
	for b.pos < len(b.b) && b.err == nil {
		at := b.pos
		switch b.byte() {
		case opRefFunc:
			w.e.with(opRefFunc, w.e.function(b.u32()))
			continue
		case opI32Const:
			b.skipLEB(5)
		case opI64Const:
			b.skipLEB(10)
		case opF32Const:
			b.skip(4)
		case opF64Const:
			b.skip(8)
		case opGlobalGet, opRefNull:
			b.u32()
		case opVector:
			b.u32()
			b.skip(16)
		}
		w.e.op(x[at:b.pos]...)
	}
}

func (r *rewriter) writeElements(w *writer) {
	if len(r.m.Elements) == 0 {
		return
	}
	w.section(module.SectionElement, func() {
		w.e.u32(uint32(len(r.m.Elements)))
		for _, s := range r.m.Elements {
			w.element(s)
		}
	})
}

// element writes a segment in the general form of its mode, which can say all that a shorter form can.
func (w *writer) element(s module.Element) {
	var flags byte
	switch s.Mode {
	case module.Active:
		flags = 2
	case module.Passive:
		flags = 1
	case module.Declarative:
		flags = 3
	}
	exprs := s.Exprs != nil
	if exprs {
		flags |= 4
	}
	// A table other than 0 or of another type than funcref needs the explicit form; the short one keeps old modules old.
	short := s.Mode == module.Active && s.Table == 0 && s.Type == module.FuncRef
	if short {
		flags &^= 2
	}
	w.e.op(flags)
	if s.Mode == module.Active {
		if !short {
			w.e.u32(s.Table)
		}
		w.expr(s.Offset)
	}
	if !short {
		if exprs {
			w.e.op(byte(s.Type))
		} else {
			w.e.op(0)
		}
	}
	if exprs {
		w.e.u32(uint32(len(s.Exprs)))
		for _, x := range s.Exprs {
			w.expr(x)
		}
		return
	}
	w.e.u32(uint32(len(s.Functions)))
	for _, f := range s.Functions {
		w.e.u32(w.e.function(f))
	}
}

// writeNames keeps the function names, for stack traces; everything else in custom sections is dropped. DWARF's offsets
// would be wrong, and the engine reads nothing else.
func (r *rewriter) writeNames(w *writer) {
	if len(r.m.Names) == 0 {
		return
	}
	count := uint32(0)
	for i := range r.scanner.functions {
		if _, ok := r.m.Names[i]; ok {
			count++
		}
	}
	w.section(module.SectionCustom, func() {
		w.name("name")
		w.e.op(1)
		w.sized(func() {
			w.e.u32(count)
			for i := range r.scanner.functions {
				if name, ok := r.m.Names[i]; ok {
					w.e.u32(w.e.function(i))
					w.name(name)
				}
			}
		})
	})
}
