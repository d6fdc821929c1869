//go:build unix

// Package postgrestest starts a PostgreSQL of its own for tests, from the programs
// of the system's packages.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running PostgreSQL that listens on a Unix socket in its own folder.
type Server struct {
	folder string
	hold   io.Closer // its end is the server's
	ended  chan struct{}
}

// guard runs the server for as long as its standard input is open, which is as long
// as the process of the tests lives, however it ends.
const guard = `exec 3<&0; "$0" "$@" 3<&- & server=$!; { read -r _ <&3; kill -QUIT $server; } & wait $server`

// missing says what to do where there is no PostgreSQL.
const missing = "there is no PostgreSQL here; to run these tests: apt-get install postgresql"

// Main runs a package's tests with a server, or with nil where there is none, and
// ends it. why then says what is missing.
func Main(m *testing.M, use func(s *Server, why string)) int {
	s, err := start()
	if err != nil {
		use(nil, err.Error())
		return m.Run()
	}
	defer s.stop()
	use(s, "")
	return m.Run()
}

func start() (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	// PostgreSQL refuses to run as root; the folder must be one that the other
	// user can reach, which those of testing.T are not.
	var as *syscall.SysProcAttr
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		uid, gid, err := somebody()
		if err != nil {
			return nil, err
		}
		if err := os.Chown(folder, uid, gid); err != nil {
			return nil, err
		}
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	s := &Server{folder: folder, ended: make(chan struct{})}
	data := filepath.Join(folder, "data")
	initdb := exec.CommandContext(context.Background(), filepath.Join(programs, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync") //nolint:gosec // the system's own program
	initdb.SysProcAttr, initdb.Dir = as, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(folder)
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the server has its own
	//nolint:gosec // the system's own program
	command := exec.CommandContext(context.Background(), "/bin/sh", "-c", guard, filepath.Join(programs, "postgres"),
		"-D", data, "-k", folder, "-h", "", "-F", "-c", "max_connections=20", "-c", "max_prepared_transactions=2")
	command.SysProcAttr, command.Dir, command.Stdout, command.Stderr = as, folder, log, log
	if s.hold, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		_ = command.Wait()
	}()
	return s, s.ready()
}

// find is the folder of the programs.
func find() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New(missing)
	}
	return filepath.Dir(slices.Max(found)), nil
}

// somebody is a user without rights.
func somebody() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, e := user.Lookup(name)
		if err = e; e != nil {
			continue
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
		return uid, gid, nil
	}
	return 0, 0, fmt.Errorf("a user for PostgreSQL, which does not run as root: %w", err)
}

// ready waits until the server answers.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-again.C:
		case <-s.ended:
			text, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			_ = os.RemoveAll(s.folder)
			return fmt.Errorf("PostgreSQL ended at its start: %s", text)
		case <-ctx.Done():
			s.stop()
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}

// URL is that of the database postgres, for a user.
func (s *Server) URL(user string) string {
	return "postgres://" + user + ":a-password-of-tests@/postgres?host=" + url.QueryEscape(s.folder)
}

// Do carries statements out as the superuser.
func (s *Server) Do(t *testing.T, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // what was to be done is done
	if _, err := conn.PgConn().Exec(t.Context(), statements).ReadAll(); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// Ask gives the one value of a query.
func (s *Server) Ask(t *testing.T, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // what was to be done is done
	r := conn.PgConn().ExecParams(t.Context(), query, nil, nil, nil, nil).Read()
	if r.Err != nil || len(r.Rows) != 1 {
		t.Fatalf("%s: %d rows, %v", query, len(r.Rows), r.Err)
	}
	return string(r.Rows[0][0])
}

func (s *Server) stop() {
	_ = s.hold.Close() // it ends at once: nothing of it is kept
	<-s.ended
	_ = os.RemoveAll(s.folder)
}
