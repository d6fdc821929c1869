//go:build unix

package sqlite

// Crashes, for real: a process carries a run out and kills itself, in the middle of
// whatever it does; another one goes on, and is killed as well; the one after them
// comes to the end.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/capability/kv"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/stepper"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

var everyWrite = flag.Bool("every-write", false, "TestCrashes kills at every write, not at some of them")

// crashing is a graph with forks, joins, a loop, a foreach, a subgraph, retries with
// backoff, a routed failure, a wait, values that outlive the run, documents that are
// kept beside their events, and calls of a world outside of the process.
const crashing = `
version = 1
name = "crashing"
start = ["split"]
chain = ["join", "loop", "approve", "last"]
[state.turns]
initial = 0
reduce = "sum"
[nodes.split]
module = "echo.wasm"
[nodes.left]
module = "add.wasm"
input = "{'key': 'left', 'by': 1}"
[nodes.left.grants.kv]
[nodes.right]
module = "ask.wasm"
foreach = "[1, 2, 3]"
input = "{'say': string(item)}"
[nodes.right.grants.world]
[nodes.moody]
module = "ask.wasm"
input = "{'say': 'moody'}"
[nodes.moody.grants.world]
[[nodes.moody.retry]]
on = ["capability_error"]
initial_interval = "1ms"
[nodes.broken]
module = "trap.wasm"
[[nodes.broken.retry]]
on = ["trap"]
max_attempts = 3
initial_interval = "1ms"
[nodes.mended]
graph = "inner/two.toml"
input = "{'say': input.code}"
[nodes.join]
module = "echo.wasm"
[nodes.loop]
module = "ask.wasm"
input = "{'say': 'turn ' + string(state.turns)}"
write.turns = "1"
[nodes.loop.grants.world]
[nodes.approve]
wait = true
[nodes.last]
module = "add.wasm"
input = "{'key': 'last', 'by': input}"
[nodes.last.grants.kv]
[[edges]]
from = "split"
to = "left"
[[edges]]
from = "split"
to = "right"
[[edges]]
from = "split"
to = "moody"
[[edges]]
from = "split"
to = "broken"
[[edges]]
from = "broken"
to = "mended"
on = "trap"
[[edges]]
from = "left"
to = "join"
[[edges]]
from = "right"
to = "join"
[[edges]]
from = "moody"
to = "join"
[[edges]]
from = "mended"
to = "join"
[[edges]]
from = "loop"
to = "loop"
when = "state.turns < 3"
`

// short makes a graph of it that does not wait: see [life.short].
var short = strings.NewReplacer(`"approve", `, "", "[nodes.approve]\nwait = true\n", "", "'by': input", "'by': 7")

func (l *life) files() fstest.MapFS {
	text := crashing
	if l.short {
		text = short.Replace(text)
	}
	fsys := fstest.MapFS{}
	for name, content := range map[string]string{
		"graph.toml": text, "echo.wasm": string(moduletest.Echo()), "trap.wasm": string(moduletest.Trap()),
		"add.wasm": string(moduletest.Ask("kv", "add", 3)), "ask.wasm": string(moduletest.Ask("world", "ask", 2)),
		"inner/two.toml": "version = 1\nchain = ['a', 'b']\n[nodes.a]\nmodule = 'ask.wasm'\n[nodes.a.grants.world]\n[nodes.b]\nmodule = 'echo.wasm'\n",
		"inner/ask.wasm": string(moduletest.Ask("world", "ask", 1)), "inner/echo.wasm": string(moduletest.Echo()),
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

// life is one process of a run, or what this test does in its stead.
type life struct {
	path   string // of the store; what is beside it begins with it, too
	number int    // of the run's lives, from 1
	mails  bool   // the answer to the run's question comes through the inbox
	short  bool   // it waits for nobody and nobody observes it: one goroutine carries it out
	cache  string
	*mortal
}

// crashStore is what a life uses of a store.
type crashStore interface {
	journal.Values
	journal.Pinner
	journal.Mailbox
	Send(ctx context.Context, e event.Event) error
}

// tell appends a line to a file that outlives the process.
func tell(name, format string, args ...any) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, format+"\n", args...)
	return errors.Join(err, f.Close())
}

// world is the capability that is asked outside of the process: its memory is a file.
func (l *life) world() capability.Capability {
	type question struct {
		Say string `json:"say"`
	}
	return capability.New("a world", capability.Handle("ask", "asks", func(ctx context.Context, q question) (question, error) {
		c := capability.FromContext(ctx)
		l.at(ofFacts, "before the world is asked", nil)
		if err := tell(l.path+".world", "%d %s/%d %s", l.number, c.Key, c.Caller.Attempt, c.Caller.Step); err != nil {
			return q, err
		}
		l.at(ofFacts, "after the world is asked", nil)
		if q.Say == "moody" && c.Caller.Attempt == 1 {
			return q, &capability.Error{Reason: "not_now", Message: "not now", Retryable: true}
		}
		return question{Say: q.Say + "!"}, nil
	}))
}

// carry begins the run in the store, or goes on with it, to its end.
func (l *life) carry(ctx context.Context, s crashStore) (*host.Run, error) {
	h, err := host.New(host.WithJournal(s), host.WithCapability("kv", kv.New(s)), host.WithCapability("world", l.world()),
		host.WithCacheDir(l.cache), host.WithParallel(4))
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	told := host.WithObserver(func(e event.Event) { _ = tell(l.path+".told", "%d", e.Seq) })
	interruptible, interrupt := context.WithCancelCause(ctx)
	defer interrupt(nil)
	options, start := []host.RunOption{told}, h.Start
	if l.short {
		options, start = nil, h.Run
	}
	r, err := h.Resume(interruptible, "r", options...)
	if errors.Is(err, journal.ErrUnknownRun) {
		var g *host.Graph
		if g, err = h.LoadFS(l.files(), "graph.toml"); err != nil {
			return nil, err
		}
		input := document.MustParse(`{"text":"` + strings.Repeat("x", 2*largeBytes) + `"}`)
		r, err = start(interruptible, g, input, append(options, host.WithRunID("r"))...)
	}
	if err != nil {
		return nil, err
	}
	if err := r.Wait(); err != nil {
		return nil, err
	}
	if r.Status() != host.Waiting {
		return r, nil
	}
	if l.mails { // as if another process had sent it
		interrupt(host.ErrInterrupted)
		<-r.Done()
		err := s.Send(ctx, event.Event{Run: "r", Time: moment, Body: event.SignalReceived{Step: "approve", Document: document.MustParse("7")}})
		if err != nil && !errors.Is(err, journal.ErrFinished) { // by what an earlier life has sent
			return nil, err
		}
		if r, err = h.Resume(ctx, "r", told); err != nil {
			return nil, err
		}
		// Where it was sent by an earlier life already, this one is in vain.
		<-r.Done()
		return r, r.Wait()
	}
	var refused *stepper.SignalError
	if err := r.Signal(ctx, "approve", 7); err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	<-r.Done()
	return r, r.Wait()
}

// live is what a process does that is to be killed at a moment of a class.
func live(path, argument string) error {
	m := &mortal{dies: path + ".died", seen: map[string]int{}}
	l := &life{path: path, mortal: m}
	if _, err := fmt.Sscanf(argument, "%s %d %d %t %t %q", &m.class, &m.left, &l.number, &l.mails, &l.short, &l.cache); err != nil {
		return err
	}
	s, err := openMortal(context.Background(), path, m)
	if err != nil {
		return err
	}
	r, err := l.carry(context.Background(), s)
	if err == nil && r.Status() != event.Done {
		err = fmt.Errorf("it is %s: %v", r.Status(), r.Failure())
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	fmt.Println(m.seen[ofFacts], m.seen[ofWrites])
	return nil
}

// lived has a life lived by another process and says whether it was killed, and else
// what it said.
func lived(ctx context.Context, l life, class string, at int) (killed bool, text string, err error) {
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=live\n%s\n%s %d %d %t %t %q", roleVariable, l.path, class, at, l.number, l.mails, l.short, l.cache))
	out, err := child.CombinedOutput()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL && ctx.Err() == nil {
		return true, "", nil
	}
	if err != nil {
		err = fmt.Errorf("life %d: %w: %s", l.number, err, out)
	}
	return false, string(out), err
}

// crashes are what became of many runs.
type crashes struct {
	cache string
	short bool
	want  result

	mu    sync.Mutex
	kills map[string]int // by what the process was about to do
	asked int            // questions that were asked again
}

// result is what all runs must come to.
type result struct {
	output, digest string
	fuel           uint64
	usage          event.Usage
	keys           map[string]bool // of what the world was asked, with the attempts
	steps          map[string]bool // that were committed
}

// photograph is what a store had when a process was killed.
type photograph struct {
	events   []event.Event
	done     map[string]bool // steps that are committed
	answered map[string]bool // keys and attempts of the calls that are recorded
}

// take takes a photograph of a copy of the store: to open it would change what the
// next process finds.
func take(ctx context.Context, path string) (p photograph, err error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), "photo")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	for _, suffix := range []string{"", "-wal", "-journal"} {
		b, err := os.ReadFile(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "runs.db"+suffix), b, 0o600)
		}
		if err != nil {
			return p, err
		}
	}
	s, err := Open(ctx, filepath.Join(folder, "runs.db"), Options{})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p.done, p.answered = map[string]bool{}, map[string]bool{}
	for e, err := range s.Events(ctx, "r") {
		if errors.Is(err, journal.ErrUnknownRun) {
			break
		}
		if err != nil {
			return p, err
		}
		p.events = append(p.events, e)
		switch b := e.Body.(type) {
		case event.AttemptSucceeded:
			p.done[b.Step] = true
		case event.CapabilityAnswered:
			p.answered[fmt.Sprintf("%s/%d", b.Key, b.Number)] = true
		default:
		}
	}
	return p, s.Verify(ctx, func(e *CorruptError) { err = errors.Join(err, e) })
}

// lines reads a file of lines; none where there is no file.
func lines(name string) ([]string, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), err
}

// run has a run carried out by processes that are killed, and holds what comes of
// it against what should. It says whether the first process was killed.
func (c *crashes) run(ctx context.Context, path, class string, at int) (bool, error) {
	// How far the later ones come differs from run to run, but not from day to day.
	after := []int{at, 1 + at*13%53}
	if at%3 == 0 {
		after = append(after, 1+at*7%29)
	}
	l := life{path: path, number: 1, mails: at%4 < 2, short: c.short, cache: c.cache}
	var photos []photograph
	for _, at := range after {
		killed, _, err := lived(ctx, l, class, at)
		if err != nil {
			return false, err
		}
		if !killed {
			break
		}
		what, err := os.ReadFile(path + ".died")
		if err != nil {
			return false, err
		}
		c.mu.Lock()
		c.kills[string(what)]++
		c.mu.Unlock()
		p, err := take(ctx, path)
		if err != nil {
			return false, fmt.Errorf("killed %s: %w", what, err)
		}
		photos = append(photos, p)
		l.number++
		told, err := lines(path + ".told")
		if err != nil {
			return false, err
		}
		if n := len(told); n > 0 && told[n-1] != "" {
			if last, err := strconv.Atoi(told[n-1]); err != nil || last > len(p.events) {
				return false, fmt.Errorf("killed %s: event %s was told, and the store has %d", what, told[n-1], len(p.events))
			}
		}
	}
	s, err := Open(ctx, path, Options{})
	if err != nil {
		return false, err
	}
	l.mortal = &mortal{seen: map[string]int{}}
	r, err := l.carry(ctx, s)
	if err == nil {
		err = c.judge(ctx, s, r, path, photos)
	}
	return len(photos) > 0, errors.Join(err, s.Close())
}

// judge holds a run that has ended to the promise.
func (c *crashes) judge(ctx context.Context, s *Store, r *host.Run, path string, photos []photograph) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	got, err := resultOf(r, path)
	if err != nil {
		return err
	}
	if got.output != c.want.output || got.digest != c.want.digest {
		wrong("%s, %v, with %s, %s; want %s, %s", r.Status(), r.Failure(), got.output, got.digest, c.want.output, c.want.digest)
	}
	if got.fuel != c.want.fuel || got.usage != c.want.usage {
		wrong("fuel %d and %+v, not %d and %+v", got.fuel, got.usage, c.want.fuel, c.want.usage)
	}
	if !maps.Equal(got.steps, c.want.steps) {
		wrong("the steps %v, not %v", got.steps, c.want.steps)
	}
	if !maps.Equal(got.keys, c.want.keys) {
		wrong("the world was asked %d questions, not %d", len(got.keys), len(c.want.keys))
	}
	final := slices.Collect(r.Events())
	for i, p := range photos {
		if !isPrefix(p.events, final) {
			wrong("what life %d has left is not what the run begins with", i+1)
		}
	}
	if text := repeated(final); text != "" {
		wrong("%s", text)
	}
	for key, n := range map[string]string{"left": "3", "last": "21"} {
		if d, err := s.Value(ctx, "crashing", key); err != nil || d.String() != n {
			wrong("%s is %s, not %s: %w", key, d, n, err)
		}
	}
	asked, err := lines(path + ".world")
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, line := range asked {
		var number int
		var key, step string
		if _, err := fmt.Sscan(line, &number, &key, &step); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		times[key]++
		for _, p := range photos[:number-1] {
			if p.answered[key] || p.done[step] {
				wrong("life %d asks what was answered: %s", number, line)
			}
		}
	}
	for key, n := range times {
		if n > len(photos)+1 {
			wrong("%s was asked %d times by %d processes", key, n, len(photos)+1)
		}
		c.mu.Lock()
		c.asked += n - 1
		c.mu.Unlock()
	}
	err = s.Verify(ctx, func(e *CorruptError) { errs = append(errs, e) })
	return errors.Join(append(errs, err)...)
}

func resultOf(r *host.Run, path string) (result, error) {
	v := r.View()
	got := result{output: r.Output().String(), digest: v.Digest, fuel: v.Fuel, usage: v.Usage, keys: map[string]bool{}, steps: map[string]bool{}}
	for e := range r.Events() {
		if b, ok := e.Body.(event.AttemptSucceeded); ok {
			got.steps[b.Step] = true
		}
	}
	asked, err := lines(path + ".world")
	for _, line := range asked {
		if f := strings.Fields(line); len(f) == 3 {
			got.keys[f[1]] = true
		}
	}
	return got, err
}

// A process is killed at every append, every synchronization, every call of the
// world and at writes to the disk, the one that goes on with its run a little later,
// and some of those that go on with that: the last one comes to the output, digest
// and fuel of a run that nobody has disturbed; no committed step is executed again,
// no answer that was recorded is asked for again, nothing that was told is lost, and
// what the run keeps is kept once. So it is with a run that many carry out, and with one
// that one goroutine does.
func TestCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills some thousand processes")
	}
	begin := time.Now()
	folder := t.TempDir()
	var todo []point
	var all []*crashes
	for _, short := range []bool{false, true} {
		c := &crashes{cache: filepath.Join(folder, "cache"), short: short, kills: map[string]int{}}
		all, todo = append(all, c), append(todo, c.points(t, folder)...)
	}
	// In an order in which also a part of them are from everywhere.
	luck := rand.New(rand.NewPCG(13, 14))
	luck.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	points := make(chan point)
	var workers sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for p := range points {
				path := filepath.Join(folder, fmt.Sprint(p.of.short, p.class, p.at), "runs.db")
				err := os.Mkdir(filepath.Dir(path), 0o700)
				if err == nil {
					_, err = p.of.run(t.Context(), path, p.class, p.at)
				}
				if err != nil {
					t.Errorf("killed at moment %d of %s, short: %t: %v", p.at, p.class, p.of.short, err)
					continue
				}
				_ = os.RemoveAll(filepath.Dir(path))
			}
		})
	}
	done := 0
	for _, p := range todo {
		if time.Since(begin) > enoughTime && !*everyWrite {
			break
		}
		points <- p
		done++
	}
	close(points)
	workers.Wait()
	sum, asked := 0, 0
	for _, c := range all {
		for what, n := range c.kills {
			sum += n
			t.Logf("short: %t: %4d %s", c.short, n, what)
		}
		asked += c.asked
	}
	t.Logf("%d processes were killed, %d questions asked again, at %d of %d points, in %v", sum, asked, done, len(todo), time.Since(begin).Round(time.Second))
	if sum < done/2 {
		t.Errorf("only %d processes were killed at %d points", sum, done)
	}
}

// point is a moment at which a process is killed.
type point struct {
	of    *crashes
	class string
	at    int
}

// points learns what a run that nobody disturbs comes to, and when one can be disturbed.
func (c *crashes) points(t *testing.T, folder string) (points []point) {
	t.Helper()
	whole := filepath.Join(folder, fmt.Sprint("whole", c.short))
	l := life{path: whole, number: 1, mails: true, short: c.short, cache: c.cache}
	_, said, err := lived(t.Context(), l, "nothing", 0)
	if err != nil {
		t.Fatal(err)
	}
	var facts, writes int
	if _, err := fmt.Sscan(said, &facts, &writes); err != nil || facts < 60 || writes < 100 {
		t.Fatalf("%q: %v", said, err)
	}
	l.mortal = &mortal{}
	r, err := l.carry(t.Context(), openOn(t, whole, nil)) // it has ended
	if err != nil {
		t.Fatal(err)
	}
	if c.want, err = resultOf(r, whole); err != nil || r.Status() != event.Done || len(c.want.keys) == 0 {
		t.Fatal(err, r.Status(), c.want)
	}
	step := map[string]int{ofFacts: 1, ofWrites: 7}
	switch {
	case *everyWrite:
		step[ofWrites] = 1
	case scaled(500) < 500:
		step = map[string]int{ofFacts: 10, ofWrites: 100} // the processes are slow, and see no race that one of them does not see
	}
	for _, class := range []string{ofFacts, ofWrites} {
		for at := 1; at <= map[string]int{ofFacts: facts, ofWrites: writes}[class]; at += step[class] {
			points = append(points, point{c, class, at})
		}
	}
	return points
}
