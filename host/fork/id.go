package fork

// What the id of a step says of where it is.

import (
	"strconv"
	"strings"

	"github.com/chainrun/chainrun/host/plan"
)

// frame is one part of a step's id: "score[2.3]#17".
type frame struct {
	node    string
	turns   []int // of the loops around the node, the outermost first
	element int   // -1: it is none
}

// framesOf takes a step's id apart.
func framesOf(id string) []frame {
	parts := strings.Split(id, "/")
	frames := make([]frame, len(parts))
	for i, part := range parts {
		frames[i] = lastFrame(part)
	}
	return frames
}

// lastFrame is the last of [framesOf].
func lastFrame(id string) frame {
	step, element, isElement := strings.Cut(id[strings.LastIndexByte(id, '/')+1:], "#")
	name, turns, _ := strings.Cut(step, "[")
	f := frame{node: name, element: -1}
	if n, err := strconv.Atoi(element); isElement && err == nil {
		f.element = n
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(turns, "]"), ".") {
		if n, err := strconv.Atoi(text); err == nil {
			f.turns = append(f.turns, n)
		}
	}
	return f
}

// around names the step that a step is directly inside of: the foreach of an element,
// or the subgraph; "": it is in the run's own graph.
func around(step string) string {
	slash := strings.LastIndexByte(step, '/')
	if i := strings.LastIndexByte(step, '#'); i > slash {
		return step[:i]
	}
	return step[:max(slash, 0)]
}

// standing finds the node of a step, and the plan that it stands in; nil where there
// is none.
func standing(p *plan.Plan, step string) (*plan.Plan, *plan.Node) {
	frames := framesOf(step)
	for i, f := range frames {
		n := p.Node(f.node)
		if n == nil || i == len(frames)-1 {
			return p, n
		}
		if p = n.Sub; p == nil {
			break
		}
	}
	return nil, nil
}

// digests are those of the nodes of a plan, made when they are asked for.
type digests struct {
	plan *plan.Plan
	made map[*plan.Node]string
}

func newDigests(p *plan.Plan) digests { return digests{p, map[*plan.Node]string{}} }

// of gives the digest of a step's node; "" where the plan has none.
func (d digests) of(step string) string {
	p, n := standing(d.plan, step)
	if n == nil {
		return ""
	}
	if _, ok := d.made[n]; !ok {
		d.made[n] = p.NodeDigest(n)
	}
	return d.made[n]
}
