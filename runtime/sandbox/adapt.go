package sandbox

// What this package changes in a module besides the metering. wazero bounds a
// table's growth by its declared maximum alone, so that is lowered in the file;
// and it runs a start function before anybody can set its limits.

import (
	"encoding/binary"
	"fmt"
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

// code is a rewritten module, ready to be compiled.
type code struct {
	meter.Metered
	StartExport   string // what was the start function; "" for none
	SegmentsApart bool   // Wasm is without its data segments, see instance.fill
}

// rewrite meters a module and adapts it to this package.
func rewrite(m *module.Module, tableElements uint32) (*code, error) {
	metered, err := meter.Rewrite(m, meterConfig)
	if err != nil {
		return nil, err
	}
	c := &code{Metered: *metered, SegmentsApart: segmentsApart(m)}
	if m.Start == nil && !growsTables(metered) && !c.SegmentsApart {
		return c, nil
	}
	rewritten, err := module.Read(metered.Wasm)
	if err != nil {
		return nil, fmt.Errorf("reading the rewritten module: %w", err)
	}
	if m.Start != nil {
		// As long as the name is taken, try another.
		c.StartExport = "chainrun_sandbox:start"
		for _, taken := rewritten.Export(c.StartExport); taken; _, taken = rewritten.Export(c.StartExport) {
			c.StartExport += "'"
		}
	}
	c.Wasm = adapt(rewritten, c, tableElements)
	return c, nil
}

// adapt lowers the maxima of tables and makes the start function an export, so
// that it runs like everything else: after the limits have been set. It leaves
// data segments out that are written by instance.fill.
func adapt(m *module.Module, c *code, tableElements uint32) []byte {
	out := slices.Clone(m.Bytes[:8])
	for _, s := range m.Sections {
		data := s.Data
		switch s.ID {
		case module.SectionTable:
			data = capTables(m.Tables, tableElements)
		case module.SectionExport:
			if c.StartExport != "" {
				data = addExport(data, len(m.Exports), c.StartExport, *m.Start)
			}
		case module.SectionStart:
			continue
		case module.SectionData:
			if c.SegmentsApart {
				continue
			}
		case module.SectionCustom:
			data = slices.Concat(binary.AppendUvarint(nil, uint64(len(s.Name))), []byte(s.Name), data)
		}
		out = append(out, s.ID)
		out = binary.AppendUvarint(out, uint64(len(data)))
		out = append(out, data...)
	}
	return out
}

// capTables gives a table section with maxima such that the tables can grow to
// limit elements together. What is left beyond the minima is shared out evenly.
// Minima above it stay as they are; [Program.fits] refuses those.
func capTables(tables []module.Table, limit uint32) []byte {
	room := uint64(limit)
	for _, t := range tables {
		room -= min(room, uint64(t.Min))
	}
	data := binary.AppendUvarint(nil, uint64(len(tables)))
	for _, t := range tables {
		most := uint64(t.Min) + room/uint64(len(tables))
		if t.HasMax {
			most = min(most, uint64(t.Max))
		}
		data = append(data, byte(t.Element), 1) // with a maximum
		data = binary.AppendUvarint(data, uint64(t.Min))
		data = binary.AppendUvarint(data, most)
	}
	return data
}

// addExport gives an export section with one function more.
func addExport(section []byte, count int, name string, function uint32) []byte {
	_, n := binary.Uvarint(section) // the count, as it is encoded
	data := append(binary.AppendUvarint(nil, uint64(count+1)), section[n:]...)
	data = append(binary.AppendUvarint(data, uint64(len(name))), name...)
	return binary.AppendUvarint(append(data, byte(module.KindFunction)), uint64(function))
}
