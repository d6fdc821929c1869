package sandbox

// The cap of tables. wazero bounds a table's growth by its declared maximum
// alone, so that is lowered in the file.

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/module"
)

// growsTables tells whether a module has an instruction that can make a table
// larger than it is declared; hardly any has.
func growsTables(m *meter.Metered) bool {
	return slices.ContainsFunc(m.Irreversible, func(reason string) bool {
		return strings.HasPrefix(reason, "table.grow ")
	})
}

// maxElements gives how large the tables may grow together as they are declared.
func maxElements(tables []module.Table) uint64 {
	total := uint64(0)
	for _, t := range tables {
		if !t.HasMax {
			return math.MaxUint64
		}
		total += uint64(t.Max)
	}
	return total
}

const (
	sectionTable  = 4
	sectionCustom = 0
)

// capTables gives the module with maxima such that its tables can grow to
// limit elements together. What is left beyond the minima is shared out evenly.
// Minima above it stay as they are; [Program.fits] refuses those.
func capTables(wasm []byte, limit uint32) ([]byte, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, err
	}
	room := uint64(limit)
	for _, t := range m.Tables {
		room -= min(room, uint64(t.Min))
	}
	out := slices.Clone(wasm[:8])
	for _, s := range m.Sections {
		data := s.Data
		switch s.ID {
		case sectionTable:
			data = binary.AppendUvarint(nil, uint64(len(m.Tables)))
			for _, t := range m.Tables {
				most := uint64(t.Min) + room/uint64(len(m.Tables))
				if t.HasMax {
					most = min(most, uint64(t.Max))
				}
				data = append(data, byte(t.Element), 1) // with a maximum
				data = binary.AppendUvarint(data, uint64(t.Min))
				data = binary.AppendUvarint(data, most)
			}
		case sectionCustom:
			name := binary.AppendUvarint(nil, uint64(len(s.Name)))
			data = append(append(name, s.Name...), data...)
		}
		out = append(out, s.ID)
		out = binary.AppendUvarint(out, uint64(len(data)))
		out = append(out, data...)
	}
	return out, nil
}
