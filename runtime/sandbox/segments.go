package sandbox

// Data segments that this package writes into new memories, in wazero's place:
// once, for the image, where wazero would write them for every instance and
// keep 24 bytes of each segment besides. A Go program has tens of thousands.

import (
	"fmt"

	"github.com/chainrun/chainrun/runtime/module"
)

// segmentsMin is from how many segments on they are taken out of the module.
const segmentsMin = 64

// segmentsApart tells whether the segments can be taken out: nothing refers to
// them (which needs their count to be declared), and where they go is plain.
func segmentsApart(m *module.Module) bool {
	if len(m.Data) < segmentsMin || m.DataCount != nil || len(m.Memories) != 1 {
		return false
	}
	for _, d := range m.Data {
		if _, plain := plainOffset(d.Offset); !plain || d.Mode != module.Active || d.Memory != 0 {
			return false
		}
	}
	return true
}

// plainOffset reads an offset that is one i32.const.
func plainOffset(e module.Expr) (offset uint32, plain bool) {
	const (
		i32Const = 0x41
		end      = 0x0b
	)
	if len(e) < 3 || e[0] != i32Const {
		return 0, false
	}
	// Signed LEB128, of at most five bytes as module.Read has checked.
	for at, shift := 1, 0; at < len(e)-1; at, shift = at+1, shift+7 {
		b := e[at]
		offset |= uint32(b&0x7f) << shift
		if b&0x80 == 0 {
			if b&0x40 != 0 && shift+7 < 32 {
				offset |= ^uint32(0) << (shift + 7)
			}
			return offset, at == len(e)-2 && e[at+1] == end
		}
	}
	return 0, false
}

// fill writes the segments that were taken out of the module.
func (i *instance) fill() *Stop {
	if !i.program.code.SegmentsApart {
		return nil
	}
	for n, d := range i.program.module.Data {
		offset, _ := plainOffset(d.Offset)
		if uint64(offset)+uint64(len(d.Init)) > uint64(len(i.memory.buf)) {
			return &Stop{Reason: Trap, Message: fmt.Sprintf("data[%d]: out of bounds memory access", n)}
		}
		copy(i.memory.buf[offset:], d.Init)
	}
	return nil
}
