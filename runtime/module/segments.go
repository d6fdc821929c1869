package module

// Element and data segments, and the constant expressions in them.

import "fmt"

// readExpr reads one constant expression and checks that each instruction is a constant one and each index exists.
func (m *Module) readExpr(d *decoder) Expr {
	start := d.pos
	for {
		at := d.pos
		switch op := d.byte(); op {
		case 0x0b: // end
			if d.err != nil {
				return nil
			}
			return Expr(d.b[start:d.pos:d.pos])
		case 0x41: // i32.const
			d.skipSigned(32)
		case 0x42: // i64.const
			d.skipSigned(64)
		case 0x43: // f32.const
			d.bytes(4)
		case 0x44: // f64.const
			d.bytes(8)
		case 0x23: // global.get
			d.index("global", m.globalCount())
		case 0xd0: // ref.null
			d.refType()
		case 0xd2: // ref.func
			d.index("function", m.functionCount())
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // extended constants: add, sub, mul
		case 0xfd:
			if sub := d.u32(); d.err == nil && sub != 12 { // v128.const
				d.failAt(at, "instruction is not constant", "")
			}
			d.bytes(16)
		default:
			if d.err == nil {
				d.failAt(at, fmt.Sprintf("instruction %#x is not constant", op), "")
			}
		}
		if d.err != nil {
			return nil
		}
	}
}

func (m *Module) readElements(d *decoder) {
	n := d.count("element segments", minElement)
	for range n {
		e := m.readElement(d)
		if d.err != nil {
			return
		}
		m.Elements = append(m.Elements, e)
	}
}

// The flags of an element segment.
const (
	elementNotActive = 1 // passive, or declarative with the next bit
	elementExplicit  = 2 // active: names its table; otherwise: declarative
	elementExprs     = 4 // items are expressions, not function indices
)

func (m *Module) readElement(d *decoder) Element {
	at := d.pos
	flags := d.u32()
	if d.err == nil && flags > 7 {
		d.failAt(at, fmt.Sprintf("unknown form of element segment %d", flags), "")
		return Element{}
	}
	e := Element{Type: FuncRef}
	switch {
	case flags&elementNotActive == 0:
		e.Mode = Active
		if flags&elementExplicit != 0 {
			e.Table = d.index("table", m.tableCount())
		} else if m.tableCount() == 0 && d.err == nil {
			d.fail("table index 0 does not exist, there are 0", "")
		}
		e.Offset = m.readExpr(d)
	case flags&elementExplicit == 0:
		e.Mode = Passive
	default:
		e.Mode = Declarative
	}
	if flags&(elementNotActive|elementExplicit) != 0 {
		at = d.pos
		if flags&elementExprs != 0 {
			e.Type = d.refType()
		} else if k := d.byte(); k != 0 {
			d.failAt(at, fmt.Sprintf("unknown kind of element %#x", k), "")
		}
	}
	if flags&elementExprs == 0 {
		e.Functions = make([]uint32, d.count("elements", 1))
		for i := range e.Functions {
			e.Functions[i] = d.index("function", m.functionCount())
		}
		return e
	}
	e.Exprs = make([]Expr, d.count("elements", minExpr))
	for i := range e.Exprs {
		e.Exprs[i] = m.readExpr(d)
	}
	return e
}

func (m *Module) readData(d *decoder) {
	n := d.count("data segments", minData)
	m.Data = make([]DataSegment, 0, n)
	for range n {
		at := d.pos
		var s DataSegment
		switch flags := d.u32(); flags {
		case 1:
			s.Mode = Passive
		case 0, 2:
			if flags == 2 {
				s.Memory = d.u32()
			}
			if d.err == nil && uint64(s.Memory) >= uint64(m.memoryCount()) {
				d.failAt(at, fmt.Sprintf("memory index %d does not exist, there are %d", s.Memory, m.memoryCount()), "")
			}
			s.Offset = m.readExpr(d)
		default:
			d.failAt(at, fmt.Sprintf("unknown form of data segment %d", flags), "")
		}
		s.Init = d.bytes(d.u32())
		if d.err != nil {
			return
		}
		m.Data = append(m.Data, s)
	}
}
