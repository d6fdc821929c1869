package sandbox

// Images as files in memory, and the calls of the kernel that golang.org/x/sys
// does not have.

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// An imageFile holds the memory of an image. Instances map it privately.
type imageFile struct {
	fd   int
	view []byte // the file, to be read
}

// newFile makes a file of the memory, whose length is a multiple of pageBytes;
// nil when there is nothing to hold or the system has no more files.
func (p *pages) newFile(memory []byte) *imageFile {
	if p.strategy == ImagesCopy || len(memory) == 0 {
		return nil
	}
	fd, err := unix.MemfdCreate("chainrun-image", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	f := &imageFile{fd: fd}
	if !f.fill(memory) {
		f.close()
		return nil
	}
	return f
}

func (f *imageFile) fill(memory []byte) bool {
	if unix.Ftruncate(f.fd, int64(len(memory))) != nil {
		return false
	}
	for at := 0; at < len(memory); at += pageBytes {
		// Pages of zeros stay holes.
		piece := memory[at : at+pageBytes]
		if isZero(piece) {
			continue
		}
		for n := 0; n < len(piece); {
			k, err := unix.Pwrite(f.fd, piece[n:], int64(at+n))
			if err != nil || k == 0 {
				return false
			}
			n += k
		}
	}
	var err error
	f.view, err = unix.Mmap(f.fd, 0, len(memory), unix.PROT_READ, unix.MAP_PRIVATE)
	return err == nil
}

func (f *imageFile) close() {
	if f == nil {
		return
	}
	if f.view != nil {
		_ = unix.Munmap(f.view)
	}
	_ = unix.Close(f.fd)
	f.view, f.fd = nil, -1
}

// mapOver replaces the head of a reservation by the file.
func (f *imageFile) mapOver(reserved []byte) bool {
	_, err := unix.MmapPtr(f.fd, 0, unsafe.Pointer(unsafe.SliceData(reserved)), uintptr(len(f.view)), //nolint:gosec // a fixed address is the point; it is ours
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
	return err == nil
}

// From include/uapi/linux/fs.h and userfaultfd.h, with the encoding of ioctl
// numbers that most architectures share; where it is another one the kernel
// answers ENOTTY, and the next strategy is taken.
const (
	pagemapScan   = 3<<30 | 96<<16 | 'f'<<8 | 16
	pageIsWritten = 1 << 1

	uffdUserModeOnly       = 1
	uffdAPI                = 0xAA
	uffdioAPI              = 3<<30 | 24<<16 | uffdAPI<<8 | 0x3F
	uffdioRegister         = 3<<30 | 32<<16 | uffdAPI<<8
	uffdioWriteProtect     = 3<<30 | 24<<16 | uffdAPI<<8 | 0x06
	uffdRegisterModeWP     = 1 << 1
	uffdWriteProtectWP     = 1 << 0
	uffdFeatureUnpopulated = 1 << 13 // WP_UNPOPULATED
	uffdFeatureAsync       = 1 << 15 // WP_ASYNC
)

// scanArgBytes is the size of a scanArg.
const scanArgBytes = 12 * 8

// A scanArg is struct pm_scan_arg.
type scanArg struct {
	size, _, start, end, walkEnd, vec, vecLen, _ uint64 // flags, and the most pages
	_, mask, _, returned                         uint64 // inverted, and any of
}

// A pageRegion is struct page_region.
type pageRegion struct{ start, end, _ uint64 }

// openUserfaultfd opens a userfaultfd for asynchronous write protection: the
// kernel takes the protection off by itself, nobody reads messages.
func openUserfaultfd() (int, error) {
	// User mode is all that is needed, and all that an ordinary user may have.
	r, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|uffdUserModeOnly, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	api := struct{ api, features, ioctls uint64 }{api: uffdAPI, features: uffdFeatureAsync | uffdFeatureUnpopulated}
	if _, err := ioctl(int(r), uffdioAPI, &api); err != nil {
		_ = unix.Close(int(r))
		return -1, err
	}
	return int(r), nil
}

// register has the kernel track writes to b.
func (p *pages) register(b []byte) bool {
	arg := struct{ start, size, mode, ioctls uint64 }{address(b), uint64(len(b)), uffdRegisterModeWP, 0}
	_, err := ioctl(p.uffd, uffdioRegister, &arg)
	return err == nil
}

// protect makes b count as not written.
func (p *pages) protect(b []byte) bool {
	arg := struct{ start, size, mode uint64 }{address(b), uint64(len(b)), uffdWriteProtectWP}
	_, err := ioctl(p.uffd, uffdioWriteProtect, &arg)
	return err == nil
}

func address(b []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) //nolint:gosec // the kernel wants numbers; b does not move
}

// ioctl makes one request; arg is what the kernel knows by it.
func ioctl[T any](fd int, request uintptr, arg *T) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg))) //nolint:gosec // as the kernel wants it
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
