package document

// What was found out about a document and need not be looked at again: that it holds
// to some rules. Packages above this one have the rules.

// heldRules is how many of them a document remembers, the last ones: those of what made
// it and of what it is made for.
const heldRules = 2

// Hold notes that d holds to the rules of this name, for [Document.Holds]. Names that are
// equal must be those of the same rules, and those must depend on nothing but the
// document's value: the digest of a schema is such a name. Nothing happens where d is
// absent.
func (d Document) Hold(rules *string) {
	if d.s == nil || d.Holds(*rules) {
		return
	}
	for i := range d.s.held {
		if d.s.held[i].CompareAndSwap(nil, rules) {
			return
		}
	}
	d.s.held[heldRules-1].Store(rules)
}

// Holds reports whether it was noted that d holds to the rules of this name. False means
// that nobody knows.
func (d Document) Holds(rules string) bool {
	if d.s == nil {
		return false
	}
	for i := range d.s.held {
		if known := d.s.held[i].Load(); known != nil && *known == rules {
			return true
		}
	}
	return false
}
