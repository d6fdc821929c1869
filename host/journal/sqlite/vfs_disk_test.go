package sqlite

// A disk that is made up: it forgets what was not synchronized when its power
// fails, refuses to write, writes in part, is full. All by chance, from a seed.
//
// Modelled: files in memory, each with what the system shows and what the disk has;
// sectors of 512 or 4096 bytes that survive a power cut one by one, in any order, in
// any of the versions that were written since the last synchronization; sizes that
// survive apart from contents; files whose names were not synchronized; a failed
// synchronization after which the system takes for clean what never came to the disk.
//
// Not modelled: a disk that lies about synchronizations; a sector that is spoilt by a
// power cut although only its other half was written (SQLite calls the contrary
// powersafe overwrite, and takes it for granted as on the real disk); faults of the
// shared memory of the write-ahead log's index, which is the real one: it is no file
// that survives, but made again from the log.

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// madeUpDisk is a VFS. Its files are known by what follows the store's name: "",
// "-wal", "-journal".
type madeUpDisk struct {
	*rand.Rand
	sector int64

	mu     sync.Mutex
	shown  map[string]*inode // what the system says
	linked map[string]*inode // the names that are on the disk
	dead   bool              // it has no power
	trouble
	struck   int            // how often it has refused something
	struckBy map[string]int // statistics, over all power cycles
}

// trouble is what will happen to a disk.
type trouble struct {
	cut    int             // the operation at which the power fails; 0: it does not
	full   int64           // bytes of all files together that there is room for; 0: endless
	refuse map[int]refusal // operations that are refused
	count  int             // of operations
	sync   int             // the synchronization that is refused; 0: none
	syncs  int             // of synchronizations
}

// refusal is how an operation is refused.
type refusal int

// How operations are refused. What has no such way is refused plainly.
const (
	plainly  refusal = iota // nothing is done
	halfway                 // a part is done
	doneSoNo                // it is done, and said not to be
)

type inode struct {
	data    []byte // what the system shows
	disk    []byte // what is sure
	pending []change
	locks   fileLocks
}

// change is a write, or where data is nil a new size.
type change struct {
	at   int64
	data []byte
}

func newMadeUpDisk(r *rand.Rand) *madeUpDisk {
	main := &inode{}
	return &madeUpDisk{
		Rand: r, sector: []int64{512, 4096}[r.IntN(2)],
		shown: map[string]*inode{"": main}, linked: map[string]*inode{"": main}, struckBy: map[string]int{},
	}
}

// errNoPower is what a disk says after a power cut: nobody hears it any more.
const errNoPower = sqlite3.IOERR

// strike notes that something was refused.
func (d *madeUpDisk) strike(what string) {
	d.struck++
	d.struckBy[what]++
}

// operation counts one and says what becomes of it; d.mu is held. err is that of one
// that is refused: no, where there is power.
func (d *madeUpDisk) operation(what string, no error) (how refusal, err error) {
	if d.dead {
		return plainly, errNoPower
	}
	d.count++
	if d.count == d.cut {
		d.dead = true
		d.strike("power cut")
		return refusal(d.IntN(2)), errNoPower
	}
	if how, ok := d.refuse[d.count]; ok {
		d.strike(what)
		return how, no
	}
	return doneSoNo, nil
}

func (d *madeUpDisk) suffix(name string) string {
	_, suffix, _ := strings.Cut(filepath.Base(name), ".db")
	return suffix
}

func (d *madeUpDisk) Open(string, vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return nil, 0, sqlite3.CANTOPEN // OpenFilename is called instead
}

func (d *madeUpDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == nil { // a temporary file
		return &madeUpFile{disk: d, inode: &inode{}, temporary: true}, flags, nil
	}
	if _, err := d.operation("an open", sqlite3.CANTOPEN); err != nil {
		return nil, flags, err
	}
	suffix := d.suffix(name.String())
	node := d.shown[suffix]
	if node == nil {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		node = &inode{}
		d.shown[suffix] = node
	}
	f := &madeUpFile{disk: d, inode: node}
	f.unlinked = flags&vfs.OPEN_CREATE != 0 && flags&(vfs.OPEN_MAIN_JOURNAL|vfs.OPEN_WAL) != 0
	if m := vfs.NewSharedMemory(name.String()+"-shm", flags); m != nil {
		f.shm = m
	}
	return f, flags, nil
}

func (d *madeUpDisk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	suffix := d.suffix(name)
	if d.shown[suffix] == nil {
		return sqlite3.IOERR_DELETE_NOENT
	}
	how, err := d.operation("a delete", sqlite3.IOERR_DELETE)
	if err != nil && how == plainly {
		return err
	}
	delete(d.shown, suffix)
	if syncDir && err == nil {
		d.linked = maps.Clone(d.shown)
	}
	return err
}

func (d *madeUpDisk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false, errNoPower
	}
	return d.shown[d.suffix(name)] != nil, nil
}

func (d *madeUpDisk) FullPathname(name string) (string, error) { return name, nil }

// used are the bytes of all files.
func (d *madeUpDisk) used() (n int64) {
	for _, node := range d.shown {
		n += int64(len(node.data))
	}
	return n
}

// powerCycle gives the disk that is there when the power is back.
func (d *madeUpDisk) powerCycle() *madeUpDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := newMadeUpDisk(d.Rand)
	next.sector, next.struckBy = d.sector, d.struckBy
	clear(next.shown)
	clear(next.linked)
	for _, suffix := range []string{"", "-wal", "-journal"} { // in an order that chance can be repeated in
		node := d.shown[suffix]
		if linked := d.linked[suffix]; linked != node && d.IntN(2) == 0 {
			node = linked // the name was not synchronized
		}
		if node == nil {
			continue
		}
		b := d.survivors(node)
		n := &inode{data: b, disk: append([]byte{}, b...)}
		next.shown[suffix], next.linked[suffix] = n, n
	}
	return next
}

// survivors is what a power cut leaves of a file.
func (d *madeUpDisk) survivors(node *inode) []byte {
	all := len(node.pending)
	horizon := func(int64) int { return all }
	size := all
	switch d.IntN(4) {
	case 0: // nothing more than what is sure
		horizon, size = func(int64) int { return 0 }, 0
	case 1: // all, as when a process is killed
	case 2: // in the order in which it was written, the last one in part
		size = d.IntN(all + 1)
		horizon = func(int64) int { return size }
		if size < all && node.pending[size].data != nil && d.IntN(2) == 0 {
			last := node.pending[size]
			torn := append(append([]change{}, node.pending[:size]...), change{last.at, last.data[:d.IntN(len(last.data)+1)]})
			return folded(node.disk, torn, d.sector, func(int64) int { return len(torn) }, len(torn))
		}
	default: // in any order: of each sector one of the versions that it had
		size = d.IntN(all + 1)
		of := map[int64]int{}
		horizon = func(sector int64) int {
			if _, ok := of[sector]; !ok {
				of[sector] = d.IntN(all + 1)
			}
			return of[sector]
		}
	}
	return folded(node.disk, node.pending, d.sector, horizon, size)
}

// folded applies changes to what the disk has: to each sector as many of them as
// its horizon says, to the size as many as size.
func folded(disk []byte, changes []change, sector int64, horizon func(int64) int, size int) []byte {
	b := append([]byte{}, disk...)
	length := int64(len(b))
	for i, c := range changes {
		end := c.at + int64(len(c.data))
		if c.data == nil {
			end = max(int64(len(b)), c.at)
		}
		if grow := end - int64(len(b)); grow > 0 {
			b = append(b, make([]byte, grow)...)
		}
		for at := c.at; at < end; {
			next := min((at/sector+1)*sector, end)
			if i < horizon(at/sector) {
				if c.data == nil {
					clear(b[at:next])
				} else {
					copy(b[at:next], c.data[at-c.at:next-c.at])
				}
			}
			at = next
		}
		if i < size {
			if length = max(length, end); c.data == nil {
				length = c.at
			}
		}
	}
	if grow := length - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	return b[:length]
}

// madeUpFile is one that a connection has open.
type madeUpFile struct {
	disk      *madeUpDisk
	inode     *inode
	temporary bool
	unlinked  bool // with it the folder is synchronized, once, as the real file does
	shm       vfs.SharedMemory
	lock      vfs.LockLevel
}

func (f *madeUpFile) Close() error {
	if f.shm != nil {
		_ = f.shm.Close() // it is of no account after this
	}
	return f.Unlock(vfs.LOCK_NONE)
}

func (f *madeUpFile) SharedMemory() vfs.SharedMemory { return f.shm }

func (f *madeUpFile) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if _, err := f.operation("a read", sqlite3.IOERR_READ); err != nil {
		return 0, err
	}
	if off >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.inode.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *madeUpFile) operation(what string, no error) (refusal, error) {
	if f.temporary {
		return doneSoNo, nil
	}
	return f.disk.operation(what, no)
}

func (f *madeUpFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	how, err := f.operation("a write", sqlite3.IOERR_WRITE)
	if grow := off + int64(len(p)) - int64(len(f.inode.data)); err == nil && f.disk.full > 0 && grow > 0 && f.disk.used()+grow > f.disk.full {
		f.disk.strike("full disk")
		how, err = halfway, sqlite3.FULL
	}
	if err != nil && how == plainly || len(p) == 0 {
		return 0, err
	}
	if err != nil && how == halfway {
		p = p[:f.disk.IntN(len(p))]
	}
	f.inode.change(change{off, append([]byte{}, p...)})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (n *inode) change(c change) {
	n.data = c.applied(n.data)
	n.pending = append(n.pending, c)
}

// applied is b after the change; b is used for it.
func (c change) applied(b []byte) []byte {
	end := c.at + int64(len(c.data))
	if c.data == nil && end < int64(len(b)) {
		clear(b[end:])
		b = b[:end]
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[c.at:], c.data)
	return b
}

func (f *madeUpFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	how, err := f.operation("a truncate", sqlite3.IOERR_TRUNCATE)
	if err == nil || how != plainly {
		f.inode.change(change{at: size})
	}
	return err
}

func (f *madeUpFile) Sync(vfs.SyncFlag) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := f.operation("a sync", sqlite3.IOERR_FSYNC)
	if d.dead {
		return err
	}
	if d.syncs++; d.syncs == d.sync && err == nil {
		d.strike("a sync")
		err = sqlite3.IOERR_FSYNC
	}
	if err != nil {
		// The system takes what it has for clean, whatever came to the disk.
		f.inode.disk = d.survivors(f.inode)
		f.inode.pending = nil
		return err
	}
	for _, c := range f.inode.pending {
		f.inode.disk = c.applied(f.inode.disk)
	}
	f.inode.pending = nil
	if f.unlinked {
		f.unlinked = false
		d.linked = maps.Clone(d.shown)
	}
	return nil
}

func (f *madeUpFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.dead {
		return 0, errNoPower
	}
	return int64(len(f.inode.data)), nil
}

func (f *madeUpFile) SectorSize() int { return 4096 }

func (f *madeUpFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_SUBPAGE_READ | vfs.IOCAP_POWERSAFE_OVERWRITE // as the real one
}

// fileLocks are SQLite's locks of a file: https://sqlite.org/lockingv3.html
type fileLocks struct {
	shared            int
	reserved, pending bool
}

func (f *madeUpFile) Lock(level vfs.LockLevel) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	l := &f.inode.locks
	if f.lock >= level {
		return nil
	}
	switch level {
	case vfs.LOCK_SHARED:
		if l.pending {
			return sqlite3.BUSY
		}
		l.shared++
	case vfs.LOCK_RESERVED:
		if l.reserved {
			return sqlite3.BUSY
		}
		l.reserved = true
	case vfs.LOCK_EXCLUSIVE:
		if f.lock < vfs.LOCK_PENDING {
			f.lock = vfs.LOCK_PENDING
			l.pending = true
		}
		if l.shared > 1 {
			return sqlite3.BUSY
		}
	default:
		return fmt.Errorf("locking at level %d", level)
	}
	f.lock = level
	return nil
}

func (f *madeUpFile) Unlock(level vfs.LockLevel) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	l := &f.inode.locks
	if f.lock <= level {
		return nil
	}
	if f.lock >= vfs.LOCK_RESERVED {
		l.reserved = false
	}
	if f.lock >= vfs.LOCK_PENDING {
		l.pending = false
	}
	if level < vfs.LOCK_SHARED {
		l.shared--
	}
	f.lock = level
	return nil
}

func (f *madeUpFile) CheckReservedLock() (bool, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.inode.locks.reserved, nil
}

func (f *madeUpFile) LockState() vfs.LockLevel { return f.lock }
