package meter

// What the functions of a module mean for each other: which calls count against the depth, and which loops need no check
// because of a call in them.

// markDeeper flags the calls that count: every indirect call, and of the direct calls those that close a cycle of the
// call graph. Endless recursion has to pass one of them again and again; a call tree without them is only as deep as the
// program is long, and costs nothing.
//
// A direct call closes a cycle when a depth-first walk over the direct calls finds its callee still open. Every cycle
// has such a call. The walk follows the order of the file, so the result is the same on every machine.
func markDeeper(functions []function, imported uint32) {
	order := finishOrder(functions, imported)
	for n := range functions {
		f := &functions[n]
		for i := range f.edits {
			e := &f.edits[i]
			switch {
			case e.kind == editIndirect:
			case e.kind == editCall && e.arg >= imported && order[e.arg-imported] >= order[n]:
			default:
				continue
			}
			e.flags |= callDeeper
			f.deeper = true
		}
	}
}

// finishOrder numbers the functions in the order in which a depth-first walk leaves them. A call from u to v closes a
// cycle exactly when v is left no earlier than u.
func finishOrder(functions []function, imported uint32) []int32 {
	order := make([]int32, len(functions)) // 0: not visited, -1: open, else its number
	type visit struct{ function, edit int32 }
	var stack []visit
	next := int32(1)
	for root := range functions {
		if order[root] != 0 {
			continue
		}
		order[root] = -1
		stack = append(stack[:0], visit{function: int32(root)})
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			edits := functions[top.function].edits
			down := int32(-1)
			for int(top.edit) < len(edits) && down < 0 {
				e := &edits[top.edit]
				top.edit++
				if (e.kind == editCall || e.kind == editTail) && e.arg >= imported && order[e.arg-imported] == 0 {
					down = int32(e.arg - imported)
				}
			}
			if down < 0 {
				order[top.function] = next
				next++
				stack = stack[:len(stack)-1]
				continue
			}
			order[down] = -1
			stack = append(stack, visit{function: down})
		}
	}
	return order
}

// checksOnEntry reports whether the function looks for fuel when it is entered, whatever happens then.
func (f *function) checksOnEntry() bool { return f.calls && !f.early }

// freeLoops flags the loops whose every turn calls a function that checks on entry.
func freeLoops(functions []function, imported uint32) {
	for n := range functions {
		for i := range functions[n].edits {
			e := &functions[n].edits[i]
			if e.kind == editLoop && e.flags&loopCalls != 0 && e.arg >= imported && functions[e.arg-imported].checksOnEntry() {
				e.flags |= loopFree
			}
		}
	}
}
