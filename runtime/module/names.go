package module

// Function names from the name section, for messages.

// readFunctionNames is best effort: a name section that is cut short or odd gives the names before the fault. The
// specification asks engines not to refuse a module for it.
func readFunctionNames(data []byte) map[uint32]string {
	d := &decoder{b: data}
	names := map[uint32]string{}
	for d.rest() > 0 && d.err == nil {
		id := d.byte()
		sub := &decoder{b: d.bytes(d.u32())}
		if id != 1 || d.err != nil {
			continue
		}
		for range sub.count("names", minName) {
			index := sub.u32()
			name := sub.name()
			if sub.err != nil {
				break
			}
			names[index] = name
		}
	}
	return names
}
