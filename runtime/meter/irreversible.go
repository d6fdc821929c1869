package meter

// What a module can change that the host cannot set back.

import (
	"fmt"

	"github.com/chainrun/chainrun/runtime/module"
)

// irreversible gathers reasons why memory and globals are not all of a module's state, one for each kind of reason.
type irreversible struct {
	reasons []string
	seen    map[string]struct{}
}

// note records an instruction, the first time it is found.
func (i *irreversible) note(instruction string, function uint32) {
	if _, ok := i.seen[instruction]; ok {
		return
	}
	if i.seen == nil {
		i.seen = map[string]struct{}{}
	}
	i.seen[instruction] = struct{}{}
	i.reasons = append(i.reasons, fmt.Sprintf("%s in function %d", instruction, function))
}

// declarations adds what imports and globals say. Code has been scanned before.
func (i *irreversible) declarations(m *module.Module) {
	for _, im := range m.Imports {
		switch {
		case im.Kind == module.KindMemory:
			i.reasons = append(i.reasons, fmt.Sprintf("imported memory %s.%s", im.Module, im.Name))
		case im.Kind == module.KindTable:
			i.reasons = append(i.reasons, fmt.Sprintf("imported table %s.%s", im.Module, im.Name))
		case im.Kind == module.KindGlobal && im.Global.Mutable:
			i.reasons = append(i.reasons, fmt.Sprintf("imported mutable global %s.%s", im.Module, im.Name))
		}
	}
	for n, g := range m.Globals {
		if g.Mutable && !settable(g.Type) {
			index := m.ImportCount(module.KindGlobal) + uint32(n)
			i.reasons = append(i.reasons, fmt.Sprintf("mutable %s global %d", g.Type, index))
		}
	}
}

// settable reports whether the host can read and write a global of this type.
func settable(t module.ValueType) bool {
	switch t {
	case module.I32, module.I64, module.F32, module.F64:
		return true
	case module.V128, module.FuncRef, module.ExternRef:
		return false
	}
	return false
}
