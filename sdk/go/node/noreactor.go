//go:build !wasip1 || chainrun_command

// The node where it is no reactor.

package node

const isReactor = false

// RunEntry runs an entry in a reactor, and is there elsewhere for the entry's
// export to compile.
func RunEntry(string, uint32, uint32) uint64 {
	panic("node: RunEntry is for the exports of a reactor")
}
