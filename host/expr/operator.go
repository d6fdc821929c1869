package expr

// The operators that give booleans, ?: and the minus before a number.

// truth evaluates a node that must be a boolean.
func truth(f *frame, n node, what string) (bool, error) {
	v, err := n.eval(f)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, failf("%s needs a boolean, found %s", what, describe(v))
	}
	return b, nil
}

func (n *not) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	b, err := truth(f, n.x, "!")
	return !b, err
}

func (n *negative) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	v, err := n.x.eval(f)
	if err != nil {
		return nil, err
	}
	p, b, ok, err := f.number(v)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, failf("- needs a number, found %s", describe(v))
	}
	r, err := arithmetic('-', 0, nil, p, b)
	return r, err
}

func (n *and) eval(f *frame) (any, error) { return logic(f, n.x, n.y, false, "&&") }
func (n *or) eval(f *frame) (any, error)  { return logic(f, n.x, n.y, true, "||") }

// logic is && and ||: either side alone decides when it is the given value,
// whatever the other is, even an error.
func logic(f *frame, x, y node, decides bool, op string) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	a, first := truth(f, x, op)
	if first == nil && a == decides {
		return decides, nil
	}
	if first != nil && !absorbable(first) {
		return nil, first
	}
	b, err := truth(f, y, op)
	if err == nil && b == decides {
		return decides, nil
	}
	if first != nil && (err == nil || absorbable(err)) {
		return nil, first
	}
	return !decides, err
}

func (n *conditional) eval(f *frame) (any, error) {
	if err := f.spend(1); err != nil {
		return nil, err
	}
	b, err := truth(f, n.test, "?:")
	if err != nil {
		return nil, err
	}
	if b {
		return n.yes.eval(f)
	}
	return n.no.eval(f)
}

// both evaluates two nodes.
func both(f *frame, x, y node) (any, any, error) {
	if err := f.spend(1); err != nil {
		return nil, nil, err
	}
	a, err := x.eval(f)
	if err != nil {
		return nil, nil, err
	}
	b, err := y.eval(f)
	return a, b, err
}

func (n *equality) eval(f *frame) (any, error) {
	a, b, err := both(f, n.x, n.y)
	if err != nil {
		return nil, err
	}
	same, err := f.equal(a, b)
	if err != nil {
		return nil, err
	}
	return same != n.negate, nil
}

func (n *comparison) eval(f *frame) (any, error) {
	a, b, err := both(f, n.x, n.y)
	if err != nil {
		return nil, err
	}
	c, err := f.compare(a, b)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	default:
		return c >= 0, nil
	}
}
