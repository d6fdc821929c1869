//go:build unix

package sqlite

// Several processes on one store, and such that are killed. The processes are
// this test, started again with a role in its environment.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	roleVariable = "CHAINRUN_STORE_ROLE" // role, path, argument, each on a line
	childRuns    = 4
)

func TestMain(m *testing.M) {
	role := strings.Split(os.Getenv(roleVariable), "\n")
	if len(role) < 3 {
		os.Exit(m.Run())
	}
	if err := play(role[0], role[1], role[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(role, path, argument string) error {
	if role == "live" {
		return live(path, argument)
	}
	ctx := context.Background()
	s, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	switch role {
	case "append": // to runs of its own, for ever, telling each append that was acknowledged
		return appendForEver(ctx, s, argument)
	case "open":
		return s.Close()
	case "own":
		if _, err := s.Own(argument); err != nil {
			if owned, ok := errors.AsType[*OwnedError](err); ok {
				fmt.Println("owned by", owned.PID)
				return nil
			}
			return err
		}
		fmt.Println("mine")
		_, err := io.Copy(io.Discard, os.Stdin) // until the parent lets go
		return err
	}
	return fmt.Errorf("no role %q", role)
}

func appendForEver(ctx context.Context, s *Store, prefix string) error {
	var wg sync.WaitGroup
	errs := make(chan error, childRuns)
	for i := range childRuns {
		wg.Go(func() {
			run := prefix + strconv.Itoa(i)
			next := uint64(1)
			if known, err := s.Run(ctx, run); err == nil {
				next = known.Events + 1
			}
			for {
				events := batchOf(run, next)
				if next == 1 {
					events = events[:0]
					events = append(events, startOf(run))
				}
				if err := s.Append(ctx, events...); err != nil {
					errs <- err
					return
				}
				next += uint64(len(events))
				fmt.Printf("%s %d\n", run, next-1) // one write, so lines are whole
			}
		})
	}
	wg.Wait()
	return <-errs
}

// child starts this test in a role.
func child(t *testing.T, role, path, argument string) (*exec.Cmd, io.WriteCloser, *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role+"\n"+path+"\n"+argument)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, in, bufio.NewReader(out)
}

// readAcks reads what a child has told, n lines or, where n is negative, all.
func readAcks(out *bufio.Reader, n int, acks map[string]uint64) (read int) {
	for ; read != n; read++ {
		line, err := out.ReadString('\n')
		if err != nil {
			return read
		}
		var run string
		var seq uint64
		if _, err := fmt.Sscan(line, &run, &seq); err == nil {
			acks[run] = max(acks[run], seq)
		}
	}
	return read
}

// A process is killed at random moments of its work, and another goes on where it
// was: nothing that was acknowledged is lost, no append is torn, the chain holds.
func TestKilled(t *testing.T) {
	kills := scaled(40)
	path := filepath.Join(t.TempDir(), "runs.db")
	acks := map[string]uint64{}
	random := rand.New(rand.NewPCG(5, 6))
	points := 0
	for range kills {
		cmd, _, out := child(t, "append", path, "r")
		points += readAcks(out, 1+random.IntN(30), acks)
		timer := time.NewTimer(time.Duration(random.IntN(1500)) * time.Microsecond)
		<-timer.C
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		points += readAcks(out, -1, acks)
		_ = cmd.Wait()
		s := openOn(t, path, nil)
		for run, seq := range acks {
			check(t, s, run, seq)
		}
		nothingFound(t, s)
		s.Close()
	}
	if len(acks) != childRuns {
		t.Errorf("%d runs", len(acks))
	}
	t.Logf("%d kills, %d appends acknowledged", kills, points)
}

// A process may be killed while it makes the file.
func TestKilledWhileOpening(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range scaled(30) {
		path := filepath.Join(t.TempDir(), "deep", "runs.db")
		cmd, _, _ := child(t, "open", path, "")
		timer := time.NewTimer(time.Duration(random.IntN(30000)) * time.Microsecond)
		<-timer.C
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s := openOn(t, path, nil)
		if err := s.Append(t.Context(), startOf("r")); err != nil {
			t.Fatal(err)
		}
		check(t, s, "r", 1)
		s.Close()
	}
}

// Two processes and this one append to runs of their own, at the same time.
func TestProcessesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	acks := map[string]uint64{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, prefix := range []string{"a", "b"} {
		cmd, _, out := child(t, "append", path, prefix)
		wg.Go(func() {
			mine := map[string]uint64{}
			if n := readAcks(out, 200, mine); n < 200 {
				t.Errorf("process %s has told %d appends", prefix, n)
			}
			_ = cmd.Process.Kill()
			readAcks(out, -1, mine)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(acks, mine)
		})
	}
	seq := uint64(1)
	events := append(batchOf("c", 1)[:0], startOf("c"))
	for range 100 {
		if err := s.Append(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		seq += uint64(len(events))
		events = batchOf("c", seq)
	}
	wg.Wait()
	acks["c"] = seq - 1
	for run, seq := range acks {
		check(t, s, run, seq)
	}
	if len(acks) != 2*childRuns+1 {
		t.Errorf("%d runs", len(acks))
	}
	nothingFound(t, s)
}

// A run belongs to one process, until that one ends, in whatever way.
func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openOn(t, path, nil)
	if owner, err := s.Owner("r"); owner != nil || err != nil {
		t.Fatalf("nobody owns the run: %v, %v", owner, err)
	}
	cmd, _, out := child(t, "own", path, "r")
	if line, _ := out.ReadString('\n'); line != "mine\n" {
		t.Fatalf("the first process: %q", line)
	}
	var owned *OwnedError
	if _, err := s.Own("r"); !errors.As(err, &owned) || owned.PID != cmd.Process.Pid || owned.Run != "r" {
		t.Fatalf("the second process: %v", err)
	}
	if owner, err := s.Owner("r"); err != nil || owner == nil || owner.PID != cmd.Process.Pid {
		t.Errorf("it belongs to %v: %v", owner, err)
	}
	other, err := s.Own("other")
	if err != nil {
		t.Fatal(err)
	}
	// Killed, it owns nothing.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	release, err := s.Own("r")
	if err != nil {
		t.Fatalf("after the kill: %v", err)
	}
	if _, err := s.Own("r"); !errors.As(err, &owned) || owned.PID != os.Getpid() {
		t.Errorf("twice in one process: %v", err)
	}
	_, _, out = child(t, "own", path, "r")
	if line, _ := out.ReadString('\n'); line != fmt.Sprintf("owned by %d\n", os.Getpid()) {
		t.Errorf("a third process: %q", line)
	}
	// Released, another may have it, and give it back by ending.
	for range 2 {
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	cmd, in, out := child(t, "own", path, "r")
	if line, _ := out.ReadString('\n'); line != "mine\n" {
		t.Fatalf("after the release: %q", line)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if owner, err := s.Owner("r"); owner != nil || err != nil {
		t.Errorf("it belongs to %v: %v", owner, err)
	}
	// A second store of the same process is another owner; closing gives all up.
	second := openOn(t, path, nil)
	if _, err := second.Own("other"); !errors.As(err, &owned) {
		t.Errorf("a second store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := other(); err != nil {
		t.Errorf("a release after the end: %v", err)
	}
	if _, err := second.Own("other"); err != nil {
		t.Errorf("after the first store was closed: %v", err)
	}
}
