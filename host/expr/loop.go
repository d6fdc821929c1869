package expr

// Loops: what the macros map, filter, all, exists, transformMap … become.

// loop is what all loops have: a range and the slots of the loop's variables.
// Where second is negative there is one variable: an element of a list, or a key
// of an object. With two they are index and element, or key and value. A list is
// gone over in order, an object in the order of its keys.
type loop struct {
	over          node
	first, second int
}

func (l *loop) run(f *frame, each func() (bool, error)) error {
	x, err := l.over.eval(f)
	if err != nil {
		return err
	}
	switch c := x.(type) {
	case []any:
		for i, v := range c {
			if l.second < 0 {
				f.slots[l.first] = v
			} else {
				f.slots[l.first], f.slots[l.second] = float64(i), v
			}
			if more, err := each(); !more || err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		keys, err := sortedKeys(f, c)
		if err != nil {
			return err
		}
		for _, k := range keys {
			f.slots[l.first] = k
			if l.second >= 0 {
				f.slots[l.second] = c[k]
			}
			if more, err := each(); !more || err != nil {
				return err
			}
		}
		return nil
	}
	return failf("cannot go over %s: a list or an object is needed", describe(x))
}

// listLoop builds a list: map, filter, transformList.
type listLoop struct {
	loop
	keep node // nil: all
	item node
}

func (n *listLoop) eval(f *frame) (any, error) {
	items := []any{}
	err := n.run(f, func() (bool, error) {
		if err := f.spend(1); err != nil {
			return false, err
		}
		if n.keep != nil {
			keep, err := truth(f, n.keep, "a filter")
			if !keep || err != nil {
				return true, err
			}
		}
		v, err := n.item.eval(f)
		if err != nil {
			return false, err
		}
		if err := f.build(2 * 16); err != nil { // as slices grow
			return false, err
		}
		items = append(items, v)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// objectLoop builds an object: transformMap, transformMapEntry.
type objectLoop struct {
	loop
	keep  node // nil: all
	key   node // nil: value is an object whose members are added
	value node
}

func (n *objectLoop) eval(f *frame) (any, error) {
	m := map[string]any{}
	add := func(k, v any) error {
		if err := f.build(2 * bytesPerMember); err != nil {
			return err
		}
		return insert(m, k, v)
	}
	err := n.run(f, func() (bool, error) {
		if err := f.spend(1); err != nil {
			return false, err
		}
		if n.keep != nil {
			keep, err := truth(f, n.keep, "a filter")
			if !keep || err != nil {
				return true, err
			}
		}
		v, err := n.value.eval(f)
		if err != nil {
			return false, err
		}
		if n.key != nil {
			k, err := n.key.eval(f)
			if err != nil {
				return false, err
			}
			return true, add(k, v)
		}
		entries, ok := v.(map[string]any)
		if !ok {
			return false, failf("transformMapEntry needs an object for each element, found %s", describe(v))
		}
		keys, err := sortedKeys(f, entries)
		if err != nil {
			return false, err
		}
		for _, k := range keys {
			if err := add(k, entries[k]); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// fold is any other loop: all, exists, exists_one. An error of one step is kept
// in the accumulator, where a later step may absorb it.
type fold struct {
	loop
	slot                   int
	init, more, step, last node
}

func (n *fold) eval(f *frame) (any, error) {
	v, err := n.init.eval(f)
	if err != nil {
		return nil, err
	}
	f.slots[n.slot] = v
	err = n.run(f, func() (bool, error) {
		if err := f.spend(1); err != nil {
			return false, err
		}
		more, err := truth(f, n.more, "a loop")
		if err != nil || !more {
			return false, err
		}
		v, err := n.step.eval(f)
		switch {
		case err == nil:
			f.slots[n.slot] = v
		case absorbable(err):
			f.slots[n.slot] = failed{err}
		default:
			return false, err
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return n.last.eval(f)
}

// notFalse is the condition of all and exists: true but for false itself.
type notFalse struct{ x node }

func (n *notFalse) eval(f *frame) (any, error) {
	v, err := n.x.eval(f)
	if err != nil {
		if absorbable(err) {
			return true, nil
		}
		return nil, err
	}
	return v != false, nil
}

// binding is cel.bind and what optMap makes: a name for a value.
type binding struct {
	slot        int
	value, body node
}

func (n *binding) eval(f *frame) (any, error) {
	v, err := n.value.eval(f)
	switch {
	case err == nil:
		f.slots[n.slot] = v
	case absorbable(err):
		f.slots[n.slot] = failed{err} // an unused value's error does not matter
	default:
		return nil, err
	}
	return n.body.eval(f)
}
