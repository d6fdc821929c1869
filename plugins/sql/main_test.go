package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/event"
	"github.com/chainrun/chainrun/host/failure"
	"github.com/chainrun/chainrun/host/provider"
	"github.com/chainrun/chainrun/plugins/sql/internal/postgrestest"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

var (
	server *postgrestest.Server
	noWhy  string
)

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, func(s *postgrestest.Server, why string) { server, noWhy = s, why }))
}

// goBuild builds a package in dir.
func goBuild(t *testing.T, dir string, environment []string, args ...string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", append([]string{"build", "-buildvcs=false"}, args...)...)
	build.Dir, build.Env = dir, append(os.Environ(), environment...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build %v: %v\n%s", args, err, out)
	}
}

// built is the provider as it is shipped, and its checksum.
func built(t *testing.T) (path, checksum string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sql")
	goBuild(t, ".", nil, "-o", path, ".")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return path, "sha256:" + hex.EncodeToString(sum[:])
}

// block is a block of README.md.
func block(t *testing.T, language, begins string) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(m[1], begins) {
			return m[1]
		}
	}
	t.Fatalf("README.md has no block %q that begins with %q", language, begins)
	return ""
}

type env map[string]string

func (e env) Resolve(_ context.Context, r secret.Reference) (string, error) {
	if v, ok := e[r.Env]; ok {
		return v, nil
	}
	return "", secret.ErrAbsent
}

// newHost is a host with the provider allowed, as the command line has it.
func newHost(t *testing.T, path string, secrets env) *host.Host {
	t.Helper()
	h, err := host.New(host.WithSecrets(secrets), host.WithCapability("provider", provider.New(provider.Options{
		Allow: func(name string) (provider.Program, bool) { return provider.Program{Path: path}, name == "sql" },
	})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The README's node, graph and provider, with a database as it has.
func TestREADME(t *testing.T) {
	path, checksum := built(t)
	dir := t.TempDir()
	sdk, err := filepath.Abs("../../sdk/go")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "node", "main.go"), block(t, "go", "package main"))
	write(t, filepath.Join(dir, "node", "go.mod"), "module films\n\ngo 1.24\n\nrequire github.com/chainrun/chainrun/sdk/go v0.0.0\n\nreplace github.com/chainrun/chainrun/sdk/go => "+sdk+"\n")
	goBuild(t, filepath.Join(dir, "node"), []string{"GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOWORK=off"},
		"-buildmode=c-shared", "-ldflags=-s -w", "-o", filepath.Join(dir, "films.wasm"), ".")
	write(t, filepath.Join(dir, "graph.toml"), strings.Replace(block(t, "toml", "version = 1"), "sha256:CHECKSUM", checksum, 1))

	file := filepath.Join(dir, "films.sqlite")
	conn, err := sqlite3.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(`create table films (title text, rating real); insert into films values ('Brazil', 8), ('Alien', 8.5), ('Cube', 7)`); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, path, env{"DATABASE": file})
	g, err := h.Load(filepath.Join(dir, "graph.toml"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Run(t.Context(), g, map[string]any{"rating": 8})
	if err != nil || r.Status() != event.Done {
		t.Fatalf("%v %+v", err, r.Failure())
	}
	if got, want := r.Output().String(), strings.TrimSpace(block(t, "json", "[")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for e := range r.Events() {
		if line, err := event.Encode(e); err != nil || strings.Contains(string(line), file) {
			t.Errorf("the journal tells where the database is: %s %v", line, err)
		}
	}
}

// A file that is not the pinned one is not started.
func TestOtherChecksum(t *testing.T) {
	path, checksum := built(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ask.wasm"), string(moduletest.Ask("db", "query", 1)))
	write(t, filepath.Join(dir, "graph.toml"), graph(checksum, "sqlite", ""))
	program, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = program.WriteString("x")
	if e := program.Close(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	_, err = newHost(t, path, nil).Load(filepath.Join(dir, "graph.toml"))
	if err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %v", err)
	}
}

func graph(checksum, driver, more string) string {
	return fmt.Sprintf(`version = 1
chain = ["a"]
[secrets.database]
env = "DATABASE"
[capabilities.db]
kind = "provider"
provider = "sql"
checksum = %q
config = { driver = %q, url = "${secret:database}", once = true }
[nodes.a]
module = "ask.wasm"
[[nodes.a.retry]]
initial_interval = "1ms"
jitter = 0
[nodes.a.grants.db]
%s
`, checksum, driver, more)
}

// A node, the host, the provider's process and PostgreSQL: rows, refusals, and a
// connection that is lost and had again.
func TestWholeStackPostgres(t *testing.T) {
	if server == nil {
		t.Skip(noWhy)
	}
	path, checksum := built(t)
	server.Do(t, `create table films (id int primary key, title text, price numeric); insert into films values (1, 'Alien', 12.50);
		create table tries (n int); create sequence tried`)
	dir := t.TempDir()
	h := newHost(t, path, env{"DATABASE": server.URL("postgres")})
	run := func(t *testing.T, method, grant string, sql string) *host.Run {
		t.Helper()
		write(t, filepath.Join(dir, "ask.wasm"), string(moduletest.Ask("db", method, 1)))
		write(t, filepath.Join(dir, "graph.toml"), graph(checksum, "postgres", grant))
		g, err := h.Load(filepath.Join(dir, "graph.toml"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.Run(t.Context(), g, map[string]any{"sql": sql})
		if err != nil {
			t.Fatal(err)
		}
		for e := range r.Events() {
			if line, err := event.Encode(e); err != nil || strings.Contains(string(line), "a-password-of-tests") {
				t.Errorf("the journal tells the password: %s %v", line, err)
			}
		}
		return r
	}
	r := run(t, "query", "", "select id, price from films")
	if want := `{"columns":[{"name":"id","type":"int4"},{"name":"price","type":"numeric"}],"rows":[[1,12.50]],"truncated":false}`; r.Output().String() != want {
		t.Errorf("got %s, %+v", r.Output(), r.Failure())
	}
	f := run(t, "exec", "", "delete from films").Failure()
	if f == nil || f.Code != failure.CapabilityDenied || f.Reason != "read_only" || !strings.Contains(f.Message, "`read_only = false` in [nodes.a.grants.db]") {
		t.Errorf("a write: %+v", f)
	}
	f = run(t, "query", "", "select nothing").Failure()
	if f == nil || f.Code != failure.CapabilityError || f.Reason != "sql_42703" || f.Attempt != 1 {
		t.Errorf("an error: %+v", f)
	}
	r = run(t, "exec", "read_only = false", "update films set price = price + 1")
	if r.Output().String() != `{"rows_affected":1}` {
		t.Errorf("got %s, %+v", r.Output(), r.Failure())
	}
	// The first try loses its connection; nextval is not rolled back, so that the
	// second one knows.
	r = run(t, "exec", "read_only = false", "with n as (select nextval('tried') as n) insert into tries select n from n where n > 1 or pg_terminate_backend(pg_backend_pid())")
	if r.Output().String() != `{"rows_affected":1}` {
		t.Errorf("got %s, %+v", r.Output(), r.Failure())
	}
	attempts := 0
	for e := range r.Events() {
		if _, ok := e.Body.(event.AttemptStarted); ok {
			attempts++
		}
	}
	if got := server.Ask(t, `select string_agg(n::text, ' ') from tries`); got != "2" || attempts != 2 {
		t.Errorf("tries %s in %d attempts", got, attempts)
	}
}
