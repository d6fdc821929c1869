package corpus

// Modules that are given real work: the answers are known, and the same with
// metering and without.

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/runtime/module"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// both is a module as it is and metered, started, and asked the same.
type both struct {
	t              *testing.T
	plain, metered *instance
}

// work is what modules are given to do, as part of TestCorpus.
var work = map[string]func(b both){
	"gofmt":   formats,
	"argon2":  hashes,
	"webp":    draws,
	"sqlite3": queries,
}

// call calls both and gives the one result there is, 0 for none.
func (b both) call(name string, args ...uint64) uint64 {
	b.t.Helper()
	results, ok := same(b.t, b.plain, b.metered, 1<<40, name, args...)
	if !ok {
		b.t.Fatalf("%s%v cannot go on", name, args)
	}
	if len(results) == 0 {
		return 0
	}
	return results[0]
}

func (b both) write(at uint64, data []byte) {
	b.t.Helper()
	for _, i := range []*instance{b.plain, b.metered} {
		if !i.mod.Memory().Write(uint32(at), data) {
			b.t.Fatalf("no room for %d bytes at %d", len(data), at)
		}
	}
}

func (b both) read(at, n uint64) []byte {
	b.t.Helper()
	data, ok := b.metered.mod.Memory().Read(uint32(at), uint32(n))
	if !ok {
		b.t.Fatalf("no %d bytes at %d", n, at)
	}
	return bytes.Clone(data)
}

func formats(b both) {
	b.call("_initialize")
	for source, want := range map[string]string{
		"package a\nfunc  f( ){x:=1;_=x}": "package a\n\nfunc f() { x := 1; _ = x }\n",
		"package a\nfunc {":               "2:6: expected 'IDENT', found '{'",
	} {
		b.write(b.call("alloc", uint64(len(source))), []byte(source))
		b.call("format")
		got := string(b.read(b.call("output_ptr"), b.call("output_len")))
		if !strings.HasPrefix(got, want) {
			b.t.Errorf("formatted as %q", got)
		}
		b.call("dispose")
	}
}

// text puts a string and a zero where the module's allocator says.
func (b both) text(malloc, s string) uint64 {
	b.t.Helper()
	at := b.call(malloc, uint64(len(s)+1))
	b.write(at, append([]byte(s), 0))
	return at
}

func (b both) number(at uint64) uint64 {
	b.t.Helper()
	return uint64(binary.LittleEndian.Uint32(b.read(at, 4)))
}

// hashes does the example of argon2's own README.
func hashes(b both) {
	b.call("_initialize")
	const size, argon2i, version = 24, 1, 0x13
	hash, password, salt := b.call("malloc", size), b.text("malloc", "password"), b.text("malloc", "somesalt")
	const passes, kibibytes, lanes = 2, 64 << 10, 4
	if code := b.call("argon2_hash", passes, kibibytes, lanes, password, 8, salt, 8, hash, size, 0, 0, argon2i, version); uint32(code) != 0 {
		b.t.Fatalf("code %d", int32(code))
	}
	if got := hex.EncodeToString(b.read(hash, size)); got != "45d7ac72e76f242b20b77b9bf9bf9d5915894e669a24e6c6" {
		b.t.Errorf("hash %s", got)
	}
}

// draws sends a picture through webp's encoder and its decoder.
func draws(b both) {
	b.call("_initialize")
	const width, height, bytes = 16, 8, 16 * 8 * 4
	picture := make([]byte, bytes)
	for i := range picture {
		picture[i] = byte(i*i) | 0xff*byte(i%4/3) // opaque
	}
	from, size := b.call("malloc", bytes), b.call("malloc", 8)
	b.write(from, picture)
	const rgba, quality, method, lossless, exact = 0, 75, 4, 1, 1
	packed := b.call("encode", from, width, height, size, rgba, quality, method, lossless, exact)
	n := b.number(size)
	if n == 0 || string(b.read(packed, 4)) != "RIFF" {
		b.t.Fatalf("%d bytes", n)
	}
	numbers, out := b.call("malloc", 64), b.call("malloc", bytes)
	const all = 1
	if b.call("decode", packed, n, 0, all, numbers, numbers+8, numbers+16, numbers+24, numbers+32, out) != 1 {
		b.t.Fatal("it is not decoded")
	}
	if got := b.number(numbers); got != width {
		b.t.Errorf("width %d", got)
	}
	if got := b.read(out, bytes); string(got) != string(picture) {
		b.t.Errorf("another picture: %x, expected %x", got, picture)
	}
}

// queries has SQLite count to a thousand in memory: its host, which has the files,
// is not there.
func queries(b both) {
	const malloc, memory, readWriteCreate, row = "sqlite3_malloc64", 0x80, 6, 100
	out := b.call(malloc, 8)
	if code := b.call("sqlite3_open_v2", b.text(malloc, ":memory:"), out, memory|readWriteCreate, 0); code != 0 {
		b.t.Fatalf("opening: %d", code)
	}
	db := b.number(out)
	sql := b.text(malloc, `
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000)
		SELECT group_concat(i % 7, '') || ' ' || sum(i*i) || ' ' || round(sum(1.0/i), 9) FROM n ORDER BY 1`)
	if code := b.call("sqlite3_prepare_v3", db, sql, math.MaxUint32, 0, out, 0); code != 0 {
		b.t.Fatalf("preparing: %d", code)
	}
	statement := b.number(out)
	if code := b.call("sqlite3_step", statement); code != row {
		b.t.Fatalf("stepping: %d", code)
	}
	at := b.call("sqlite3_column_text", statement, 0)
	got := string(b.read(at, b.call("sqlite3_column_bytes", statement, 0)))
	if want := " 333833500 7.485470861"; len(got) != 1000+len(want) || !strings.HasPrefix(got, "1234560123456012") || !strings.HasSuffix(got, want) {
		b.t.Errorf("%q", got)
	}
}

// Programs end in the sandbox, with its own WASI, as in plain wazero with wazero's.
// Three of them want arguments and fail for the lack of them, each in its way.
func TestPrograms(t *testing.T) {
	for _, name := range []string{"wasi rust", "wasi c", "wasi zig", "wasi tinygo"} {
		t.Run(name, func(t *testing.T) {
			wasm := modules[name].get(t)
			m, err := module.Read(wasm)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := newEngine(t, m, nil).start(nil)
			if err != nil {
				t.Fatal(err)
			}
			_, want := plain.call(0, "_start")
			r, err := program(t, wasm).Call(t.Context(), sandbox.Call{})
			if err != nil {
				t.Fatal(err)
			}
			switch end, _, _ := strings.Cut(strings.TrimPrefix(want, "wasm error: "), "\n"); {
			case want == "", want == "exit 0":
				if r.Stop != nil || string(r.Output) != plain.out.String() {
					t.Errorf("%q %+v, in plain wazero %q", r.Output, r.Stop, plain.out.String())
				}
			case strings.HasPrefix(want, "exit "):
				if r.Stop == nil || r.Stop.Code != "exit_"+want[len("exit "):] {
					t.Errorf("%+v, in plain wazero %s", r.Stop, want)
				}
			default:
				if r.Stop == nil || r.Stop.Reason != sandbox.Trap || !strings.HasPrefix(r.Stop.Message, end) {
					t.Errorf("%+v, in plain wazero %s", r.Stop, want)
				}
			}
		})
	}
}

// esbuild is the largest there is, in Go: it reads a script and prints it.
func TestEsbuild(t *testing.T) {
	p := program(t, modules["esbuild"].get(t))
	var fuel uint64
	for range 2 {
		r, err := p.Call(t.Context(), sandbox.Call{Input: []byte("let  x\n= `a${ 1 }` ;for(;;)console.log( x??2)")})
		const want = "let x = `a${1}`;\nfor (; ; ) console.log(x ?? 2);\n"
		if err != nil || r.Stop != nil || string(r.Output) != want {
			t.Fatalf("%q %+v %v", r.Output, r.Stop, err)
		}
		if fuel != 0 && r.Fuel != fuel {
			t.Errorf("fuel %d, then %d", fuel, r.Fuel)
		}
		fuel = r.Fuel
	}
}
