package sandbox

// A module without its code. To run native code wazero needs to know of a module
// all but the bodies of its functions, which are most of it, and most of the time
// that it takes to decode and to validate it.

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/chainrun/chainrun/runtime/module"
)

// hollowBody is the shortest body that is valid for any signature: no locals,
// unreachable, end; with its length.
var hollowBody = []byte{3, 0, 0x00, 0x0b}

// hollow gives the module with each body replaced. Of the custom sections only
// the names stay, which are in the messages of traps.
func hollow(wasm []byte) ([]byte, error) {
	m, err := module.Read(wasm)
	if err != nil {
		return nil, fmt.Errorf("reading the rewritten module: %w", err)
	}
	out := slices.Clone(m.Bytes[:8])
	for _, s := range m.Sections {
		data := s.Data
		switch s.ID {
		case module.SectionCode:
			data = binary.AppendUvarint(nil, uint64(len(m.Code)))
			data = append(data, slices.Repeat(hollowBody, len(m.Code))...)
		case module.SectionCustom:
			if s.Name != "name" {
				continue
			}
			data = slices.Concat(binary.AppendUvarint(nil, uint64(len(s.Name))), []byte(s.Name), data)
		}
		out = append(out, s.ID)
		out = binary.AppendUvarint(out, uint64(len(data)))
		out = append(out, data...)
	}
	return out, nil
}
