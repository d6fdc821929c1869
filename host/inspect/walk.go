package inspect

// The way backwards, from the run's output.

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/chainrun/chainrun/host/graph"
)

// root begins with the steps that the run's output is made of.
func (t *tracer) root(pointer string) {
	ends := t.ends("", t.graph)
	if !t.ownOutput(t.graph) {
		for _, s := range ends[:min(1, len(ends))] {
			t.visit(s, 0)
		}
		return
	}
	if t.graph.OutputValue == nil { // an object keyed by node
		if first, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/"); pointer != "" {
			for _, s := range ends {
				if s.name == tokenUnescaper.Replace(first) {
					t.visit(s, 0)
					return
				}
			}
		}
	}
	at := t.add(Source{Place: InGraph}, 0)
	if at < 0 {
		return
	}
	found := t.within("", t.graph, 1)
	if t.graph.OutputValue != nil {
		found = t.runInput(1, 0) || found
	}
	if !found {
		t.out.Sources[at].Made = true
		t.lead(at, ends, true)
	}
}

// ownOutput reports whether a graph makes its output of those of its nodes.
func (t *tracer) ownOutput(g *graph.Graph) bool {
	return g != nil && (g.OutputValue != nil || g.OutputByNode)
}

// ends gives the steps of the nodes at the end of a graph that succeeded in the last
// turn of their loops; where there is none, the last step that did.
func (t *tracer) ends(prefix string, g *graph.Graph) (ends []*station) {
	var best *station
	turns := map[string]int{} // the last one of each loop, as far as it was reached
	for _, s := range t.frames[prefix] {
		if s.succeeded {
			best = s
		}
		for loop, turn := range s.loops() {
			turns[loop] = max(turns[loop], turn)
		}
	}
	last := func(s *station) bool {
		for loop, turn := range s.loops() {
			if turn < turns[loop] {
				return false
			}
		}
		return true
	}
	for _, s := range t.frames[prefix] {
		if g != nil && s.succeeded && s.node != nil && s.node.Ends() && last(s) {
			ends = append(ends, s)
		}
	}
	if len(ends) == 0 && best != nil {
		ends = append(ends, best)
	}
	return ends
}

// loops gives the loops around a step in its own graph, the outermost first, and the
// turn of each that it is in. A loop inside another one is a new one in each turn of that.
func (s *station) loops() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		if s.node == nil {
			return
		}
		id := s.id[len(s.prefix):]
		_, suffix, _ := strings.Cut(id, "[")
		numbers := turns(suffix)
		var headers []string
		for l := s.node.Loop; l != nil; l = l.Parent {
			headers = append(headers, l.Header.Name)
		}
		slices.Reverse(headers)
		for i, turn := range numbers[:min(len(numbers), len(headers))] {
			if !yield(fmt.Sprint(headers[i], numbers[:i]), turn) {
				return
			}
		}
	}
}

// within goes on with the steps of a graph whose outputs have the value: those at its
// end, or else the last one that has it.
func (t *tracer) within(prefix string, g *graph.Graph, depth int) bool {
	var found []*station
	for _, s := range t.ends(prefix, g) {
		if s.output != nil {
			found = append(found, s)
		}
	}
	if len(found) == 0 && t.ownOutput(g) {
		for _, s := range slices.Backward(t.frames[prefix]) {
			if s.output != nil {
				found = append(found, s)
				break
			}
		}
	}
	for _, s := range found {
		t.visit(s, depth)
	}
	return len(found) > 0
}

// add notes a source and gives its place in the list; -1: there are too many.
func (t *tracer) add(s Source, depth int) int {
	if len(t.out.Sources) >= maxSources {
		t.out.Truncated = true
		return -1
	}
	s.Depth = depth
	t.out.Sources = append(t.out.Sources, s)
	return len(t.out.Sources) - 1
}

// visit notes a step whose output has the value, and goes on backwards.
func (t *tracer) visit(s *station, depth int) {
	place, pointers := InOutput, s.output
	if s.output == nil && s.failure != nil {
		place, pointers = InFailure, s.failure
	}
	again := t.seen[s.id]
	at := t.add(Source{Place: place, Step: s.id, Node: s.name, Pointers: pointers, From: s.taken, Again: again}, depth)
	if at < 0 || again {
		return
	}
	t.seen[s.id] = true
	if place == InFailure || t.out.Common || !t.inside(s, depth+1) && !t.given(s, depth+1) {
		t.out.Sources[at].Made = true
		t.lead(at, []*station{s}, false)
	}
}

// inside goes on in the elements or the graph inside a step.
func (t *tracer) inside(s *station, depth int) bool {
	if !isComposite(s.node) {
		return false
	}
	found := 0
	for _, element := range t.frames[s.id+"#"] {
		if element.output == nil && element.failure == nil {
			continue
		}
		if found++; found > MaxNamed {
			t.out.Truncated = true
			break
		}
		t.visit(element, depth)
	}
	if found > 0 || s.node.Sub == nil {
		return found > 0
	}
	return t.within(s.id+"/", s.node.Sub, depth)
}

// given goes on with what a step was given, and reports whether that has the value.
func (t *tracer) given(s *station, depth int) bool {
	before := len(t.out.Sources)
	t.giver(s, depth, before)
	return len(t.out.Sources) > before
}

// giver is given, where sources from the place since on are of the same value.
func (t *tracer) giver(s *station, depth, since int) {
	for _, a := range s.answers {
		t.add(Source{Place: InAnswer, Step: s.id, Node: s.name, Pointers: a.pointers, Capability: a.capability, Method: a.method}, depth)
	}
	if s.node != nil {
		if s.node.Kind == graph.KindWait && s.output != nil && s.taken == nil && !isComposite(s.node) {
			t.add(Source{Place: InSignal, Step: s.id, Node: s.name, Pointers: s.output}, depth)
			return
		}
		if at := t.hunt.find(s.node.Config); at != nil {
			t.leaf(Source{Place: InConfig, Step: s.id, Node: s.name, Pointers: at}, depth, since)
		}
	}
	for _, id := range s.from {
		if source := t.steps[id]; source != nil && (source.output != nil || source.failure != nil) {
			t.visit(source, depth)
		} else if source != nil && source.failed && !source.succeeded && !t.seen[id] {
			t.seen[id] = true
			t.giver(source, depth, since) // a failure carries on what its step was given
		}
	}
	t.stateOf(s, depth)
	switch outer := t.steps[s.outer]; {
	case s.outer == "" && (len(s.from) == 0 || uses(s.node, "run")):
		t.runInput(depth, since)
	case s.outer != "" && outer != nil && (len(s.from) == 0 || uses(s.node, "run")):
		t.giver(outer, depth, since)
	case s.outer != "" && outer == nil && nested(s.outer) == 0:
		// A step with others inside that never ended has said nothing of itself.
		t.runInput(depth, since)
	}
}

func (t *tracer) runInput(depth, since int) bool {
	at := t.hunt.find(t.input)
	if at != nil {
		t.leaf(Source{Place: InRunInput, Pointers: at}, depth, since)
	}
	return at != nil
}

// leaf adds a source behind which there is none, once.
func (t *tracer) leaf(s Source, depth, since int) {
	for _, known := range t.out.Sources[since:] {
		if known.Place == s.Place && known.Step == s.Step && known.Depth == depth {
			return
		}
	}
	t.add(s, depth)
}

// stateOf goes on with the state that a step saw: the last steps before it that wrote
// the key and have the value in their outputs.
func (t *tracer) stateOf(s *station, depth int) {
	if s.state == nil {
		return
	}
	at := t.add(Source{Place: InState, Step: s.id, Node: s.name, Pointers: s.state}, depth)
	if at < 0 {
		return
	}
	var keys []string
	for _, pointer := range s.state {
		token, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
		keys = append(keys, tokenUnescaper.Replace(token))
	}
	var writers []*station
	frame := s.prefix
	if foreach, ok := strings.CutSuffix(frame, "#"); ok { // an element sees what its foreach does
		frame = foreach[:strings.LastIndexByte(foreach, '/')+1]
	}
	for _, w := range t.frames[frame] {
		if w.succeeded && w.ended < s.began && w.node != nil && slices.ContainsFunc(w.node.Writes, func(x graph.Write) bool { return slices.Contains(keys, x.Key.Name) }) {
			writers = append(writers, w)
		}
	}
	slices.SortStableFunc(writers, func(a, b *station) int { return cmp.Compare(b.ended, a.ended) })
	for _, w := range writers {
		if w.output != nil {
			t.visit(w, depth+1)
			return
		}
	}
	slices.Reverse(writers)
	t.out.Sources[at].Leading = len(writers)
	for _, w := range writers[:min(len(writers), MaxNamed)] {
		t.out.Sources[at].LedBy = append(t.out.Sources[at].LedBy, w.id)
	}
}

// lead names all that led to steps; with them, where they count themselves. Of a step
// with others inside, those count that are directly in it.
func (t *tracer) lead(at int, to []*station, themselves bool) {
	found := map[string]*station{}
	open := slices.Clone(to)
	follow := func(list ...*station) {
		for _, next := range list {
			if t.led--; t.led < 0 {
				t.out.Truncated = true
				return
			}
			if found[next.id] == nil {
				found[next.id] = next
				open = append(open, next)
			}
		}
	}
	for _, s := range to {
		if themselves {
			found[s.id] = s
		}
		if isComposite(s.node) {
			follow(t.frames[s.id+"#"]...)
			follow(t.frames[s.id+"/"]...)
		}
	}
	for len(open) > 0 {
		s := open[len(open)-1]
		open = open[:len(open)-1]
		for len(s.from) == 0 && t.steps[s.outer] != nil { // what led to the step around it
			s = t.steps[s.outer]
		}
		for _, id := range s.from {
			if next := t.steps[id]; next != nil {
				follow(next)
			}
		}
	}
	if !themselves {
		for _, s := range to {
			delete(found, s.id)
		}
	}
	list := slices.SortedFunc(maps.Values(found), byPlace)
	source := &t.out.Sources[at]
	source.Leading = len(list)
	for _, s := range list[:min(len(list), MaxNamed)] {
		source.LedBy = append(source.LedBy, s.id)
	}
}
