// Table step: a step in memory, all in, beside what it is made of and beside the
// LangGraphs.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

const (
	stepRounds = 12
	// Of a round: so many that each process collects its garbage in it.
	stepRuns, peerStepRuns = 500, 40
)

func stepTable(ctx context.Context, o options) error {
	n, err := buildNodes(ctx)
	if err != nil {
		return err
	}
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer removeAll(dir)
	var lanes []stepLane
	parts, done, err := stepParts(ctx, n.small)
	defer done()
	if err != nil {
		return err
	}
	lanes = append(lanes, parts...)
	for _, c := range []struct {
		figure, name string
		chain        chained
		runs         int
	}{
		{"", "chainrun, without schemas", chained{}, stepRuns},
		{"step.all", "chainrun, all in", chained{checked: true}, stepRuns},
		{"", "the same in a chain of a hundred nodes", chained{checked: true, nodes: 10 * chainNodes}, stepRuns / 10},
	} {
		chain, err := newChain(n.small, c.chain)
		if err != nil {
			return err
		}
		defer chain.close()
		lanes = append(lanes, stepLane{c.figure, c.name, chain.steps(ctx, c.runs)})
	}

	var skipped missing
	var versions []string
	for _, p := range []struct {
		program              peerProgram
		name, checks, figure string
	}{
		{langgraphJS, "LangGraph.js", "zod", "step.js"},
		{langgraphPython, "LangGraph (Python)", "pydantic", "step.python"},
	} {
		peer, err := p.program.start(ctx, dir)
		if err != nil {
			if err := skipped.add(err); err != nil {
				return err
			}
			continue
		}
		defer peer.close()
		versions = append(versions, peer.about.Versions+"\n")
		lanes = append(lanes, stepLane{p.figure, p.name + ", nothing is checked", peer.steps("memory", peerStepRuns, 1)},
			stepLane{"", p.name + ", " + p.checks + " checks", peer.steps("checked", peerStepRuns, 1)})
	}
	return printSteps(o, n, lanes, strings.Join(versions, ""), skipped)
}

// stepLane is a labour, and what its figure is reported as.
type stepLane struct {
	figure, name string
	work         func() (lap, error)
}

func printSteps(o options, n nodes, lanes []stepLane, versions string, skipped missing) error {
	labours := make([]labour, len(lanes))
	for i, l := range lanes {
		labours[i] = labour{l.name, l.work}
	}
	m, err := interleave(labours, min(o.rounds, stepRounds))
	if err != nil {
		return err
	}
	all := slices.IndexFunc(lanes, func(l stepLane) bool { return l.figure == "step.all" })
	ours, oursCPU := m.least(all)
	g := grid{{"a step of a chain of ten nodes, 1 KB", "µs", "of CPU, µs", "× chainrun, all in"}}
	for i, l := range lanes {
		wall, cpu := m.least(i)
		times, text := ratio(wall, ours)
		g = append(g, []string{l.name, micros(wall), micros(cpu), text})
		floor, _ := m.least(0)
		switch {
		case i == all:
			o.figures.set(l.figure, inMicros(wall), "%s µs: the %s called by wazero itself, never set back; all in %s µs of CPU", micros(floor), n.smallName(), micros(cpu))
		case l.figure != "":
			_, used := ratio(cpu, oursCPU)
			o.figures.set(l.figure, times, "%s by CPU time; %s µs a step, nothing sandboxed, checked or recorded", used, micros(wall))
		}
	}
	g.print(o.out)
	o.out.printf(`
Minima of %d rounds, in turns, each of %d runs of chainrun and %d of a LangGraph, one run after another, after one round
that is not counted. Every node is given an order of %d bytes and gives it back with one more in its number n; every run
has an order of its own, and its output is compared. chainrun's node is a %s, whose every call begins with a
fresh state, metered, under a cap of memory and a timeout; its events go to a journal in memory. All in: a schema for each
node's input and output, and for those of the run. A run's beginning and end are in its steps' time, of which a chain of a
hundred nodes has less a step. The LangGraphs' nodes are functions of the process, without a checkpointer.
Where they check, a node checks its output by the same rules, and the input is checked before the first: nothing twice.
%s`, len(m.wall[0]), stepRuns, peerStepRuns, len(order(1, 0)), n.smallName(), versions)
	n.skipped(o.out)
	skipped.print(o.out)
	return nil
}

// stepParts are what a step cannot do without: the call, the fresh state, a check.
func stepParts(ctx context.Context, wasm []byte) (lanes []stepLane, done func(), err error) {
	const entry = "count"
	var closers []func()
	done = func() {
		for _, c := range closers {
			c()
		}
	}
	repeat := func(once func(input []byte) error) func() (lap, error) {
		input := order(1, 0)
		return inProcess(stepRuns*chainNodes, func() error {
			for range stepRuns * chainNodes {
				if err := once(input); err != nil {
					return err
				}
			}
			return nil
		})
	}
	ours := newWazeroLane(wazero.NewRuntimeConfigCompiler(), withDepth)
	in, err := ours.open(ctx, wasm)
	if err != nil {
		return nil, done, err
	}
	closers = append(closers, func() { _ = in.close(ctx); _ = ours.close(ctx) })
	bare, ok := in.(*wazeroInstance)
	if !ok {
		return nil, done, errors.New("no instance of wazero")
	}
	alloc, run := bare.module.ExportedFunction(module.ExportAlloc), bare.module.ExportedFunction(module.ExportRun+":"+entry)
	lanes = append(lanes, stepLane{"", "the node, called by wazero itself, never set back (floor)", repeat(func(input []byte) error {
		_, err := callBare(ctx, bare, alloc, run, input)
		return err
	})})

	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return nil, done, fmt.Errorf("opening the sandbox: %w", err)
	}
	closers = append(closers, func() { _ = engine.Close(ctx) })
	m, err := module.Read(wasm)
	if err != nil {
		return nil, done, fmt.Errorf("reading the node: %w", err)
	}
	p, err := engine.Compile(ctx, m)
	if err != nil {
		return nil, done, fmt.Errorf("compiling the node: %w", err)
	}
	lanes = append(lanes, stepLane{"", "the node, in the sandbox: a fresh state each call", repeat(func(input []byte) error {
		r, err := p.Call(ctx, sandbox.Call{Entry: entry, Input: input})
		if err == nil && r.Stop != nil {
			err = errors.New(r.Stop.Message)
		}
		return err
	})})

	s, err := compileOrders()
	if err != nil {
		return nil, done, err
	}
	lanes = append(lanes, stepLane{"", "the check of one document", repeat(func(input []byte) error { return checkOrder(s, input) })})
	return lanes, done, nil
}
