package sandbox

// WASI and chainrun_v1.call as a guest sees them.

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chainrun/chainrun/runtime/module"
)

// everything imports every host function; the entry NAME calls it with the
// 64-bit words of the input and answers with the word that it gives.
func everything() string {
	var imports, entries strings.Builder
	add := func(mod, name string, params []module.ValueType, result string) {
		fmt.Fprintf(&imports, "(import %q %q (func $%s", mod, name, name)
		call := "(call $" + name
		for i, p := range params {
			fmt.Fprintf(&imports, " (param %s)", p)
			call += fmt.Sprintf(" (%s.load (i32.add (local.get 0) (i32.const %d)))", p, 8*i)
		}
		if call += ")"; result == "" {
			call += " (i64.const 0)"
		} else {
			fmt.Fprintf(&imports, " (result %s)", result)
			if result == "i32" {
				call = "(i64.extend_i32_u " + call + ")"
			}
		}
		imports.WriteString("))\n")
		fmt.Fprintf(&entries, "(func (export \"chainrun_run_v1:%s\") (param i32 i32) (result i64) (i64.store (i32.const 0) %s) (i64.const 8))\n", name, call)
	}
	for _, name := range slices.Sorted(maps.Keys(module.WASIFunctions)) {
		t := module.WASIFunctions[name]
		result := ""
		if len(t.Results) > 0 {
			result = "i32"
		}
		add(module.WASIModule, name, t.Params, result)
	}
	add(module.HostModule, module.HostCall, slices.Repeat([]module.ValueType{module.I32}, 8), "i64")
	return `(module ` + imports.String() + `(memory (export "memory") 2)
		(data (i32.const 2048) "nodeconfigfeedbackloganswer")
		(func (export "chainrun_alloc") (param i32) (result i32) (i32.const 1024))
		(func (export "chainrun_run_v1") (param i32 i32) (result i64) (i64.const 0))
		` + entries.String() + `)`
}

func words(args ...uint64) []byte {
	var b []byte
	for _, a := range args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

// Every WASI function has an implementation, and nothing else has.
func TestWASIIsComplete(t *testing.T) {
	if len(module.WASIFunctions) != 46 { // snapshot 01 and sock_accept
		t.Errorf("%d functions", len(module.WASIFunctions))
	}
	for name := range module.WASIFunctions {
		if wasiFunction(name) == nil {
			t.Errorf("%s is not there", name)
		}
	}
	for name := range wasiFunctions {
		if _, found := module.WASIFunctions[name]; !found {
			t.Errorf("%s does not exist", name)
		}
	}
}

// anyArguments is the property that the host neither breaks nor takes long,
// whatever a guest passes.
func anyArguments(tb testing.TB) func(*rapid.T) {
	tb.Helper()
	p := program(tb, fromWAT(tb, everything()), Config{})
	names := slices.Sorted(maps.Keys(module.WASIFunctions))
	names = append(names, module.HostCall)
	const size = 2 * pageBytes
	word := rapid.OneOf(
		rapid.SampledFrom([]uint64{
			0, 1, 2, 3, 4, 8, 48, 1024, 2048, 2052, 2056, size - 64, size - 48, size - 8, size - 4, size - 1, size, size + 1,
			1<<31 - 1, 1 << 31, 1<<32 - 8, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1,
		}),
		rapid.Uint64Range(0, size),
		rapid.Uint64(),
	)
	ctx := tb.Context() // of the fuzz test as a whole
	return func(r *rapid.T) {
		name := rapid.SampledFrom(names).Draw(r, "function")
		args := rapid.SliceOfN(word, 9, 9).Draw(r, "arguments")
		got, err := p.Call(ctx, Call{Entry: name, Input: words(args...), Limits: Limits{Timeout: time.Minute}})
		if err != nil {
			r.Fatalf("%s: %v", name, err)
		}
		if got.Stop != nil && (got.Stop.Reason != Trap || strings.Contains(got.Stop.Message, "goroutine")) {
			r.Fatalf("%s: %+v", name, got.Stop)
		}
	}
}

func TestAnyArguments(t *testing.T) {
	property := anyArguments(t)
	for range 20 { // each costs microseconds
		rapid.Check(t, property)
	}
}

func FuzzAnyArguments(f *testing.F) { f.Fuzz(rapid.MakeFuzz(anyArguments(f))) }

// Errnos that programs rely on.
func TestErrno(t *testing.T) {
	p := program(t, fromWAT(t, everything()), Config{})
	const far = 1 << 20 // outside the memory
	for _, tc := range []struct {
		name string
		args []uint64
		want errno
	}{
		{"args_get", []uint64{far, far}, errFault},
		{"args_sizes_get", []uint64{0, far}, errFault},
		{"environ_sizes_get", []uint64{far, 0}, errFault},
		{"clock_time_get", []uint64{9, 0, 0}, errInval},
		{"clock_time_get", []uint64{0, 0, far}, errFault},
		{"clock_res_get", []uint64{0, far}, errFault},
		{"random_get", []uint64{0, far}, errFault},
		{"random_get", []uint64{1<<32 - 1, 2}, errFault},
		{"random_get", []uint64{0, pageBytes}, ok},
		{"fd_read", []uint64{1, 0, 0, 0}, errNotcapable},
		{"fd_read", []uint64{0, 0, iovecs + 1, 0}, errInval},
		{"fd_read", []uint64{0, far, 1, 0}, errFault},
		{"fd_read", []uint64{3, 0, 0, 0}, errBadf},
		{"fd_write", []uint64{0, 0, 0, 0}, errNotcapable},
		{"fd_write", []uint64{1, 1 << 31, 2, 0}, errFault},
		{"fd_write", []uint64{2, 0, 0, far}, errFault},
		{"fd_close", []uint64{2}, ok},
		{"fd_close", []uint64{1<<32 - 1}, errBadf},
		{"fd_seek", []uint64{0, 0, 0, 0}, errSpipe},
		{"fd_tell", []uint64{1, 0}, errSpipe},
		{"fd_sync", []uint64{1}, ok},
		{"fd_prestat_get", []uint64{3, 0}, errBadf},
		{"fd_fdstat_get", []uint64{1, far}, errFault},
		{"fd_fdstat_set_flags", []uint64{1, 1 << 2}, ok},
		{"fd_fdstat_set_flags", []uint64{1, 1 << 8}, errInval},
		{"fd_fdstat_set_rights", []uint64{0, 1 << 6, 0}, errNotcapable},
		{"fd_renumber", []uint64{1, 2}, ok},
		{"fd_renumber", []uint64{1, 7}, errBadf},
		{"path_open", []uint64{3, 0, 0, 0, 0, 0, 0, 0, 0}, errBadf},
		{"path_open", []uint64{0, 0, 0, 0, 0, 0, 0, 0, 0}, errNotdir},
		{"path_symlink", []uint64{0, 0, 7, 0, 0}, errBadf},
		{"sock_send", []uint64{1, 0, 0, 0, 0}, errNotsock},
		{"sock_accept", []uint64{5, 0, 0}, errBadf},
		{"poll_oneoff", []uint64{0, 0, 0, 0}, errInval},
		{"poll_oneoff", []uint64{0, 0, subscriptions + 1, 0}, errInval},
		{"poll_oneoff", []uint64{far, 0, 1, 0}, errFault},
		{"proc_raise", []uint64{9}, errNosys},
		{"sched_yield", nil, ok},
	} {
		r, err := p.Call(t.Context(), Call{Entry: tc.name, Input: words(append(tc.args, make([]uint64, 10-len(tc.args))...)...)})
		if err != nil || r.Stop != nil {
			t.Errorf("%s%v: %v %+v", tc.name, tc.args, err, r.Stop)
		} else if got := errno(binary.LittleEndian.Uint64(r.Output)); got != tc.want {
			t.Errorf("%s%v = %d, want %d", tc.name, tc.args, got, tc.want)
		}
	}
}

// A bad pointer in chainrun_v1.call is a trap; it names what is wrong.
func TestHostCallPointers(t *testing.T) {
	p := program(t, fromWAT(t, everything()), Config{})
	const far = 1 << 20
	for _, tc := range []struct {
		args []uint64
		want string
	}{
		{[]uint64{far, 4, 2052, 6, 0, 0, 0, 0}, "capability of 4 bytes at 1048576 lies outside the memory of 131072 bytes"},
		{[]uint64{2048, 1<<32 - 1, 2052, 6, 0, 0, 0, 0}, "capability of 4294967295 bytes"},
		{[]uint64{2048, 4, far, 6, 0, 0, 0, 0}, "method of 6 bytes"},
		{[]uint64{2048, 4, 2052, 6, far, 1, 0, 0}, "payload of 1 bytes"},
		{[]uint64{2048, 4, 2052, 6, 0, 0, 131072, 1}, "answer of 1 bytes at 131072"},
	} {
		r, err := p.Call(t.Context(), Call{Entry: "call", Input: words(tc.args...)})
		if err != nil || r.Stop == nil || r.Stop.Reason != Trap || !strings.Contains(r.Stop.Message, tc.want) {
			t.Errorf("%v: %v %+v", tc.args, err, r.Stop)
		}
	}
	r, err := p.Call(t.Context(), Call{Entry: "call", Input: words(2048, 4, 2052, 6, 0, 0, 4096, 3), Config: []byte("12345")})
	if err != nil || r.Stop != nil || binary.LittleEndian.Uint64(r.Output) != 5 {
		t.Errorf("a short answer buffer: %v %+v %x", err, r.Stop, r.Output)
	}
}

func TestGuestClock(t *testing.T) {
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newGuestClock(start, 500)
	c.advance(tick)
	if got := c.now(0); got != uint64(start.UnixNano())+1000 {
		t.Errorf("realtime %d", got)
	}
	if got := c.now(1); got != 1500 {
		t.Errorf("monotonic %d", got)
	}
	last := c.now(1)
	for range 4 {
		c.advance(1<<64 - 1)
		if now := c.now(1); now < last {
			t.Fatalf("the clock went back from %d to %d", last, now)
		} else {
			last = now
		}
	}
	for _, start := range []time.Time{{}, time.Unix(-1, 0)} {
		if c := newGuestClock(start, 0); c.now(0) != 0 {
			t.Errorf("%v begins at %d", start, c.now(0))
		}
	}
	if c := newGuestClock(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 0); c.now(0) < 1<<62 {
		t.Error("the far future is in the past")
	}
}

func TestPoll(t *testing.T) {
	p := program(t, fromWAT(t, everything()), Config{})
	i, stop, err := p.acquire(t.Context(), Limits{}.orDefaults())
	if i == nil {
		t.Fatal(stop, err)
	}
	defer i.close()
	mem := i.mod.Memory()
	const in, out, count = 1024, 4096, 8192
	clock := func(user byte, id uint32, timeout uint64, flags uint16) []byte {
		b := make([]byte, subscriptionBytes)
		b[0] = user
		binary.LittleEndian.PutUint32(b[16:], id)
		binary.LittleEndian.PutUint64(b[24:], timeout)
		binary.LittleEndian.PutUint16(b[40:], flags)
		return b
	}
	stream := func(user, kind byte, fd uint32) []byte {
		b := make([]byte, subscriptionBytes)
		b[0], b[8] = user, kind
		binary.LittleEndian.PutUint32(b[16:], fd)
		return b
	}
	start := time.Unix(100, 0)
	for _, tc := range []struct {
		name    string
		subs    [][]byte
		want    errno
		events  string // user data and errno of each
		elapsed time.Duration
	}{
		{name: "relative", subs: [][]byte{clock(1, 1, 5e9, 0)}, events: "1:0 ", elapsed: 5 * time.Second},
		{name: "the first of three", subs: [][]byte{clock(1, 1, 9, 0), clock(2, 0, 5, 0), clock(3, 2, 5, 0)}, events: "2:0 3:0 ", elapsed: 5},
		{name: "absolute realtime", subs: [][]byte{clock(1, 0, 103e9, 1)}, events: "1:0 ", elapsed: 3 * time.Second},
		{name: "absolute monotonic", subs: [][]byte{clock(1, 1, 2e9, 1)}, events: "1:0 ", elapsed: 2 * time.Second},
		{name: "absolute, gone by", subs: [][]byte{clock(1, 0, 99e9, 1)}, events: "1:0 "},
		{name: "a stream is ready before any clock", subs: [][]byte{clock(1, 1, 5e9, 0), stream(2, eventRead, 0), stream(3, eventWrite, 1)}, events: "2:0 3:0 "},
		{name: "no such stream", subs: [][]byte{stream(1, eventRead, 9)}, events: "1:8 "},
		{name: "no such clock", subs: [][]byte{clock(1, 9, 1, 0)}, events: "1:28 "},
		{name: "no such kind", subs: [][]byte{stream(1, 7, 0)}, want: errInval},
		{name: "for ever", subs: [][]byte{clock(1, 1, 1<<64-1, 0)}, events: "1:0 ", elapsed: 1<<62 - 1},
	} {
		a := newAttempt(Limits{}.orDefaults(), 0)
		a.files, a.clock = newFileTable([]byte("xyz")), newGuestClock(start, 0)
		c := &wasiCall{attempt: a, ctx: t.Context(), mem: mem, arg: []uint64{in, out, uint64(len(tc.subs)), count}}
		mem.Write(in, slices.Concat(tc.subs...))
		if got := pollOneoff(c); got != tc.want {
			t.Errorf("%s: %d", tc.name, got)
			continue
		}
		if tc.want != ok {
			continue
		}
		n, _ := mem.ReadUint32Le(count)
		events := ""
		for k := range n {
			b, _ := mem.Read(out+k*eventBytes, eventBytes)
			events += fmt.Sprintf("%d:%d ", b[0], binary.LittleEndian.Uint16(b[8:]))
		}
		if events != tc.events || a.clock.elapsed != uint64(tc.elapsed) {
			t.Errorf("%s: events %s, elapsed %d", tc.name, events, a.clock.elapsed)
		}
	}
}

// The work of the host is free, but not without an end.
func TestHostWorkIsBounded(t *testing.T) {
	a := newAttempt(Limits{}.orDefaults(), 0)
	done := uint64(0)
	func() {
		defer func() {
			if r := recover(); r != errEnded { //nolint:errorlint // the value itself is thrown
				t.Errorf("ended by %v", r)
			}
		}()
		for {
			a.charge(t.Context(), 1<<28)
			done += 1 << 28
		}
	}()
	if a.stop == nil || a.stop.Reason != Trap || !strings.Contains(a.stop.Message, "units of work") || done > hostWork || done < hostWork/2 {
		t.Errorf("after %d: %+v", done, a.stop)
	}
}
