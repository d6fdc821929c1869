package sandbox

// The cap of tables. wazero bounds a table's growth by its declared maximum
// alone, so that is lowered in the file.

import (
	"encoding/binary"
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

const (
	sectionTable  = 4
	sectionCustom = 0
)

// capTables gives the module with no table's maximum above limit. A declared
// minimum above it stays as it is; [Program.fits] refuses that.
func capTables(wasm []byte, limit uint32) ([]byte, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(wasm[:8])
	for _, s := range m.Sections {
		data := s.Data
		switch s.ID {
		case sectionTable:
			data = binary.AppendUvarint(nil, uint64(len(m.Tables)))
			for _, t := range m.Tables {
				most := limit
				if t.HasMax {
					most = min(most, t.Max)
				}
				data = append(data, byte(t.Element), 1) // with a maximum
				data = binary.AppendUvarint(data, uint64(t.Min))
				data = binary.AppendUvarint(data, uint64(max(most, t.Min)))
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
