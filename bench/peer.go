// The peers: LangGraph.js and LangGraph (Python), each in a process of its own that
// is told over its standard input what to do, and measures itself.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peers is the folder of their programs; `make bench-langgraph` installs their packages there.
var peers = filepath.Join(folder, "langgraph")

// peer is one such process.
type peer struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	about struct {
		Versions    string            // of what it is made of
		Synchronous map[string]string // SQLite's setting, by checkpointer
	}
}

// peerProgram is how a peer is started.
type peerProgram struct {
	command []string
	env     []string
	needs   []string // files below langgraph/ that there must be
}

var (
	langgraphJS = peerProgram{
		command: []string{"node", "chain.mjs"},
		needs:   []string{"node_modules/better-sqlite3/build/Release/better_sqlite3.node", "node_modules/zod/package.json"},
	}
	langgraphPython = peerProgram{
		command: []string{"python3", "chain.py"},
		env:     []string{"PYTHONPATH=python"},
		needs:   []string{"python/langgraph", "python/pydantic"},
	}
)

// start begins the process, which may keep files in dir.
func (p peerProgram) start(ctx context.Context, dir string) (_ *peer, err error) {
	if _, err := exec.LookPath(p.command[0]); err != nil {
		return nil, fmt.Errorf("%w: there is no %s; install it, then run `make bench-langgraph`", errSkipped, p.command[0])
	}
	for _, path := range p.needs {
		if _, err := os.Stat(filepath.Join(peers, path)); err != nil {
			return nil, fmt.Errorf("%w: there is no bench/langgraph/%s; run `make bench-langgraph`", errSkipped, path)
		}
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding a folder: %w", err)
	}
	name := p.command[0]
	run := &peer{cmd: exec.CommandContext(ctx, name, append(p.command[1:], absolute)...)} //nolint:gosec // our own scripts
	run.cmd.Dir, run.cmd.Stderr = peers, os.Stderr
	// Nothing is traced to anywhere, whatever the environment says.
	run.cmd.Env = append(os.Environ(), append(p.env, "LANGSMITH_TRACING=false", "LANGCHAIN_TRACING_V2=false")...)
	if run.in, err = run.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	out, err := run.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	run.out = bufio.NewScanner(out)
	if err := run.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	if err := run.answer(&run.about); err != nil {
		run.close()
		return nil, err
	}
	return run, nil
}

func (p *peer) answer(v any) error {
	if !p.out.Scan() {
		return errors.Join(fmt.Errorf("%s has ended without an answer", p.cmd.Args[0]), p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), v); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", p.cmd.Args[0], err)
	}
	return nil
}

// steps is a labour of so many runs of the chain in one of the peer's ways, so
// many at once.
func (p *peer) steps(way string, runs, atOnce int) func() (lap, error) {
	return func() (lap, error) {
		var did struct {
			Steps          int
			Nanoseconds    time.Duration
			CPUNanoseconds time.Duration
		}
		_, err := fmt.Fprintf(p.in, `{"way":%q,"runs":%d,"atOnce":%d,"order":%s}`+"\n", way, runs, atOnce, order(1, 0))
		if err != nil {
			return lap{}, fmt.Errorf("asking %s: %w", p.cmd.Args[0], err)
		}
		if err := p.answer(&did); err != nil {
			return lap{}, err
		}
		if did.Steps != runs*chainNodes || did.Nanoseconds <= 0 {
			return lap{}, fmt.Errorf("%s has made %d steps in %v", p.cmd.Args[0], did.Steps, did.Nanoseconds)
		}
		return lap{times: did.Steps, wall: did.Nanoseconds, cpu: did.CPUNanoseconds}, nil
	}
}

func (p *peer) close() {
	_ = p.in.Close() // it ends with its input
	_ = p.cmd.Wait() // what it said in the end was printed
}

// missing collects why some peers are left out.
type missing []string

// add keeps the reason of a skip, and gives back any other error.
func (m *missing) add(err error) error {
	if errors.Is(err, errSkipped) {
		*m = append(*m, strings.TrimPrefix(err.Error(), errSkipped.Error()+": "))
		return nil
	}
	return err
}

func (m missing) print(p *page) {
	for _, line := range m {
		p.printf("SKIPPED: %s\n", line)
	}
}
