//go:build !linux

package sandbox

// Setting memories back elsewhere than on Linux: by copying alone.

// pages is empty here.
type pages struct {
	strategy    ImageStrategy
	sampleEvery uint
}

func openPages(ImageStrategy) *pages { return &pages{strategy: ImagesCopy} }

func (*pages) close() {}

func (*pages) restore(*memory, *image, int) bool { return false }

func (*pages) newFile([]byte) *imageFile { return nil }

// An imageFile is never made here.
type imageFile struct{ view []byte }

func (*imageFile) close() {}
