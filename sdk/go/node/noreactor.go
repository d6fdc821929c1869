//go:build !wasip1 || chainrun_command

// The node where it is no reactor.

package node

const isReactor = false
