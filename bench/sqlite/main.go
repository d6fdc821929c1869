// Command sqlite compares the two pure-Go SQLite drivers on the work of
// chainrun's journal: single appends, appends that share a transaction, opening,
// memory and the size that each adds to a program. The choice that came of it is
// in RATIONALE.md.
//
//	go run ./sqlite [folder]
//
// The folder decides which disk is measured; the default is the temporary one.
package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	schema = `CREATE TABLE events(run INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, event TEXT NOT NULL, PRIMARY KEY(run, seq)) WITHOUT ROWID`
	insert = `INSERT INTO events(run, seq, hash, event) VALUES(?, ?, ?, ?)`
	last   = `SELECT seq, hash FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1`
	read   = `SELECT seq, hash, event FROM events WHERE run = ? ORDER BY seq`

	rounds  = 5
	eventBs = 600
)

// store is a driver under test, opened on one file in WAL mode with full
// synchronization.
type store interface {
	// commit appends one event to each of these runs in one transaction, and
	// reads the end of each run before, as the journal does.
	commit(runs []int) error
	count(run int) (int, error)
	close() error
}

type contender struct {
	name string
	open func(path string) (store, error)
}

var contenders = []contender{
	{"modernc (database/sql)", func(path string) (store, error) {
		return openSQL("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	}},
	{"ncruces (database/sql)", func(path string) (store, error) {
		return openSQL("sqlite3", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	}},
	{"ncruces (its own API)", openDirect},
}

func main() {
	folder := os.TempDir()
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	if err := compare(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// figures are the best of the rounds: what the machine does besides only adds.
type figures struct {
	open, single, shared, read time.Duration
	memory                     int64
}

func compare(folder string) error {
	folder, err := os.MkdirTemp(folder, "sqlite")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	best := make([]figures, len(contenders))
	var disk time.Duration
	for round := range rounds {
		d, err := diskSync(filepath.Join(folder, fmt.Sprint("disk", round)))
		if err != nil {
			return err
		}
		disk = least(disk, d)
		for i, c := range contenders {
			f, err := measure(c, filepath.Join(folder, fmt.Sprint(i, "-", round, ".db")))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			b := &best[i]
			b.open, b.single, b.shared, b.read = least(b.open, f.open), least(b.single, f.single), least(b.shared, f.shared), least(b.read, f.read)
			if b.memory == 0 || f.memory < b.memory {
				b.memory = f.memory
			}
		}
	}
	fmt.Printf("one fdatasync after 4 KiB written in place: %v\n\n", disk)
	fmt.Printf("%-24s %10s %14s %10s %16s %12s %14s\n", "", "open", "one append", "÷ disk", "64 in one, each", "read, each", "a connection")
	for i, c := range contenders {
		f := best[i]
		fmt.Printf("%-24s %10v %14v %10.2f %16v %12v %11.1f MiB\n", c.name, f.open.Round(time.Microsecond), f.single.Round(time.Microsecond),
			float64(f.single)/float64(disk), f.shared.Round(100*time.Nanosecond), f.read.Round(10*time.Nanosecond), float64(f.memory)/(1<<20))
	}
	return nil
}

func least(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}

// diskSync is the median time of writing a page in place and syncing it: the
// least that a durable append can cost.
func diskSync(path string) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	page := make([]byte, 4096)
	for range 64 {
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	var times []time.Duration
	for i := range 200 {
		begin := time.Now()
		if _, err := f.WriteAt(page, int64(i%64)*4096); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func measure(c contender, path string) (f figures, err error) {
	before := resident()
	begin := time.Now()
	s, err := c.open(path)
	if err != nil {
		return f, err
	}
	f.open = time.Since(begin)
	defer func() {
		if e := s.close(); err == nil {
			err = e
		}
	}()
	all := make([]int, 64)
	for i := range all {
		all[i] = i + 1
	}
	// The log on disk has grown to its full length before anything is measured.
	for range 200 {
		if err := s.commit(all[:16]); err != nil {
			return f, err
		}
	}
	f.memory = max(resident()-before, 0)
	var times []time.Duration
	for range 300 {
		begin := time.Now()
		if err := s.commit(all[:1]); err != nil {
			return f, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	f.single = times[len(times)/2]
	times = times[:0]
	for range 50 {
		begin := time.Now()
		if err := s.commit(all); err != nil {
			return f, err
		}
		times = append(times, time.Since(begin)/time.Duration(len(all)))
	}
	slices.Sort(times)
	f.shared = times[len(times)/2]
	begin = time.Now()
	n, err := s.count(1)
	if err != nil {
		return f, err
	}
	if want := 200 + 300 + 50; n != want {
		return f, fmt.Errorf("%d events, want %d", n, want)
	}
	f.read = time.Since(begin) / time.Duration(n)
	return f, nil
}

// resident is the memory that the process holds.
func resident() int64 {
	runtime.GC()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, rss int64
	if _, err := fmt.Sscan(string(b), &size, &rss); err != nil {
		return 0
	}
	return rss * int64(os.Getpagesize())
}

// text is an event's size of something that does not compress to nothing.
var text = func() string {
	b := make([]byte, eventBs)
	sum := sha256.Sum256(nil)
	for i := range b {
		b[i] = 'a' + sum[i%32]%26
	}
	return string(b)
}()

type sqlStore struct {
	db                  *sql.DB
	insert, last, read_ *sql.Stmt
}

func openSQL(driver, source string) (store, error) {
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(schema); err != nil {
		return nil, err
	}
	s := &sqlStore{db: db}
	for text, stmt := range map[string]**sql.Stmt{insert: &s.insert, last: &s.last, read: &s.read_} {
		if *stmt, err = db.Prepare(text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *sqlStore) commit(runs []int) error {
	tx, err := s.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	last, insert := tx.Stmt(s.last), tx.Stmt(s.insert)
	for _, run := range runs {
		var seq int64
		var hash []byte
		if err := last.QueryRow(run).Scan(&seq, &hash); err != nil && err != sql.ErrNoRows {
			return err
		}
		next := sha256.Sum256(append(hash, text...))
		if _, err := insert.Exec(run, seq+1, next[:], text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *sqlStore) count(run int) (n int, err error) {
	rows, err := s.read_.Query(run)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var hash, event []byte
		if err := rows.Scan(&seq, &hash, &event); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

func (s *sqlStore) close() error { return s.db.Close() }
