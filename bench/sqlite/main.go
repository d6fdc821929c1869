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
	"errors"
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
	commit(ctx context.Context, runs []int) error
	count(ctx context.Context, run int) (int, error)
	close() error
}

type contender struct {
	name string
	open func(ctx context.Context, path string) (store, error)
}

var contenders = []contender{
	{"modernc (database/sql)", func(ctx context.Context, path string) (store, error) {
		return openSQL(ctx, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	}},
	{"ncruces (database/sql)", func(ctx context.Context, path string) (store, error) {
		return openSQL(ctx, "sqlite3", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	}},
	{"ncruces (its own API)", openDirect},
}

func main() {
	folder := os.TempDir()
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	if err := compare(context.Background(), folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// figures are what was measured of one contender.
type figures struct {
	open, single, shared, read []time.Duration
	memory                     []int64
}

// compare measures all in turns, so that what else the machine does strikes each.
func compare(ctx context.Context, folder string) error {
	folder, err := os.MkdirTemp(folder, "sqlite")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() //nolint:gosec // which was made above
	disk, err := openDisk(filepath.Join(folder, "disk"))
	if err != nil {
		return err
	}
	defer func() { _ = disk.f.Close() }()
	all := make([]figures, len(contenders))
	for round := range rounds {
		if err := measure(ctx, folder, round, disk, all); err != nil {
			return err
		}
	}
	sync := median(disk.times)
	fmt.Printf("one fdatasync after 4 KiB written in place: %v\n\n", sync)
	fmt.Printf("%-24s %10s %14s %10s %16s %12s %14s\n", "", "open", "one append", "÷ disk", "64 in one, each", "read, each", "a connection")
	for i, c := range contenders {
		f := all[i]
		single := median(f.single)
		slices.Sort(f.memory)
		fmt.Printf("%-24s %10v %14v %10.2f %16v %12v %11.1f MiB\n", c.name, median(f.open).Round(time.Microsecond), single.Round(time.Microsecond),
			float64(single)/float64(sync), median(f.shared).Round(100*time.Nanosecond), median(f.read).Round(10*time.Nanosecond), float64(f.memory[len(f.memory)/2])/(1<<20))
	}
	return nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// disk measures the least that a durable append can cost: a page that is written
// in place and synchronized.
type disk struct {
	f     *os.File
	times []time.Duration
}

func openDisk(path string) (*disk, error) {
	f, err := os.Create(path) //nolint:gosec // in the folder that the user names
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, 64*4096)); err != nil {
		return nil, err
	}
	return &disk{f: f}, f.Sync()
}

func (d *disk) sync() error {
	begin := time.Now()
	if _, err := d.f.WriteAt(make([]byte, 4096), int64(len(d.times)%64)*4096); err != nil {
		return err
	}
	err := unix.Fdatasync(int(d.f.Fd()))
	d.times = append(d.times, time.Since(begin))
	return err
}

func measure(ctx context.Context, folder string, round int, d *disk, all []figures) error {
	stores := make([]store, len(contenders))
	runs := make([]int, 64)
	for i := range runs {
		runs[i] = i + 1
	}
	timed := func(i int, times *[]time.Duration, each int, work func(store) error) error {
		begin := time.Now()
		if err := work(stores[i]); err != nil {
			return fmt.Errorf("%s: %w", contenders[i].name, err)
		}
		*times = append(*times, time.Since(begin)/time.Duration(each))
		return nil
	}
	for i, c := range contenders {
		before := resident()
		if err := timed(i, &all[i].open, 1, func(store) (err error) {
			stores[i], err = c.open(ctx, filepath.Join(folder, fmt.Sprint(i, "-", round, ".db")))
			return err
		}); err != nil {
			return err
		}
		defer func() { _ = stores[i].close() }()
		// The log on disk has grown to its full length before anything is measured.
		for range 200 {
			if err := stores[i].commit(ctx, runs[:16]); err != nil {
				return err
			}
		}
		all[i].memory = append(all[i].memory, max(resident()-before, 0))
	}
	for range 200 {
		if err := d.sync(); err != nil {
			return err
		}
		for i := range stores {
			if err := timed(i, &all[i].single, 1, func(s store) error { return s.commit(ctx, runs[:1]) }); err != nil {
				return err
			}
		}
	}
	for range 50 {
		for i := range stores {
			if err := timed(i, &all[i].shared, len(runs), func(s store) error { return s.commit(ctx, runs) }); err != nil {
				return err
			}
		}
	}
	const want = 200 + 200 + 50
	for i := range stores {
		if err := timed(i, &all[i].read, want, func(s store) error {
			n, err := s.count(ctx, 1)
			if err == nil && n != want {
				err = fmt.Errorf("%d events, want %d", n, want)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
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

func openSQL(ctx context.Context, driver, source string) (store, error) {
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	s := &sqlStore{db: db}
	for text, stmt := range map[string]**sql.Stmt{insert: &s.insert, last: &s.last, read: &s.read_} {
		if *stmt, err = db.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // closed with the database
			return nil, err
		}
	}
	return s, nil
}

func (s *sqlStore) commit(ctx context.Context, runs []int) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()                                       // nothing, after the commit
	last, insert := tx.StmtContext(ctx, s.last), tx.StmtContext(ctx, s.insert) //nolint:sqlclosecheck // closed with the transaction
	for _, run := range runs {
		var seq int64
		var hash []byte
		if err := last.QueryRowContext(ctx, run).Scan(&seq, &hash); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		next := sha256.Sum256(append(hash, text...))
		if _, err := insert.ExecContext(ctx, run, seq+1, next[:], text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *sqlStore) count(ctx context.Context, run int) (n int, err error) {
	rows, err := s.read_.QueryContext(ctx, run)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
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
