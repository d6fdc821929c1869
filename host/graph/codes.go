package graph

// The codes of diagnostics. They are stable: tools may select by them, and
// docs/graph-file.md explains each.
const (
	CodeSyntax          = "syntax"            // the file is not TOML
	CodeTooLarge        = "too_large"         // the file, or something in it, is beyond a bound
	CodeUnknownKey      = "unknown_key"       // a key that means nothing here
	CodeWrongType       = "wrong_type"        // a number where a string is expected, …
	CodeMissingKey      = "missing_key"       // a key without which the table means nothing
	CodeBadValue        = "bad_value"         // a value out of its range, or two keys that exclude each other
	CodeBadName         = "bad_name"          // a name that cannot be one
	CodeDuplicate       = "duplicate"         // the same thing declared twice
	CodeUnknownNode     = "unknown_node"      // a name that no node has
	CodeUnknownState    = "unknown_state"     // a write to a key that is not declared
	CodeUnknownCode     = "unknown_code"      // a failure code that does not exist, or cannot be named here
	CodeBadStart        = "bad_start"         // a start node that something leads to
	CodeUnreachableNode = "unreachable_node"  // no way from the start leads to it
	CodeUnreachableEdge = "unreachable_edge"  // an edge that can never be taken
	CodeLoopEntries     = "loop_entries"      // a loop that can be entered at two nodes
	CodeHangsOffLoop    = "hangs_off_loop"    // a note: the node runs once, after the last turn
	CodeWriteConflict   = "write_conflict"    // two nodes that may both write one state key
	CodeBadExpression   = "bad_expression"    // an expression that does not compile
	CodeBadSchema       = "bad_schema"        // a schema that does not compile
	CodeUnreadableFile  = "unreadable_file"   // a file that the graph names and that cannot be read
	CodeGraphCycle      = "graph_cycle"       // a graph that runs itself, perhaps by way of others
	CodeNotSupportedYet = "not_supported_yet" // a part of the language that this version does not have
)

// DiagnosticCodes lists every code that this package and package graphfile
// give, in the order of the documentation.
func DiagnosticCodes() []string {
	return []string{
		CodeSyntax, CodeTooLarge, CodeUnknownKey, CodeWrongType, CodeMissingKey, CodeBadValue, CodeBadName,
		CodeDuplicate, CodeUnknownNode, CodeUnknownState, CodeUnknownCode, CodeBadStart, CodeUnreachableNode,
		CodeUnreachableEdge, CodeLoopEntries, CodeHangsOffLoop, CodeWriteConflict, CodeBadExpression,
		CodeBadSchema, CodeUnreadableFile, CodeGraphCycle, CodeNotSupportedYet,
	}
}
