package sandbox

// How instances are set back to their image, and which of the ways there are on
// this machine.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// An ImageStrategy is a way to set the memory of an instance back to its
// image. They differ in speed alone: outputs, fuel and whatever else a guest
// could observe are the same.
type ImageStrategy string

// The strategies, the fastest first. All but the last map the image's memory
// privately from a file in memory, so that instances share what they only read.
const (
	// ImagesUserfaultfd: the kernel write-protects the pages and takes the
	// protection off at the first write; those without it are found by
	// PAGEMAP_SCAN and copied back, and stay unprotected. Linux 6.7, where a
	// container allows userfaultfd.
	ImagesUserfaultfd ImageStrategy = "userfaultfd"
	// ImagesPagemap: the pages that a write has made the instance's own are
	// found by reading /proc/self/pagemap, and copied back. Linux with /proc;
	// needs no privilege.
	ImagesPagemap ImageStrategy = "pagemap"
	// ImagesMadvise: all pages of the instance's own are dropped, and come
	// back from the file when they are touched. Any Linux.
	ImagesMadvise ImageStrategy = "madvise"
	// ImagesCopy: the memory is compared with the image and copied where it
	// differs. Anywhere.
	ImagesCopy ImageStrategy = "copy"
)

// ImageStrategies gives all strategies, the fastest first.
func ImageStrategies() []ImageStrategy {
	return []ImageStrategy{ImagesUserfaultfd, ImagesPagemap, ImagesMadvise, ImagesCopy}
}

// EnvImages is the environment variable that names the strategy to begin with,
// where [Config].Images does not.
const EnvImages = "CHAINRUN_IMAGES"

// ErrNoStrategy is wrapped by [New] when Config.Images or the environment names
// a strategy that does not exist: set it to one that does, or to nothing.
var ErrNoStrategy = errors.New("no such image strategy")

// ImageStrategy tells how instances are set back to their image. Single
// instances may be set back by copying where the system has no more mappings.
func (e *Engine) ImageStrategy() ImageStrategy { return e.pages.strategy }

// wantedStrategy gives the strategy that was asked for, by the config or the
// environment; the first of all when none was.
func wantedStrategy(config ImageStrategy) (ImageStrategy, error) {
	want, from := config, "Config.Images"
	if want == "" {
		want, from = ImageStrategy(os.Getenv(EnvImages)), EnvImages
	}
	all := ImageStrategies()
	if want == "" {
		return all[0], nil
	}
	if !slices.Contains(all, want) {
		names := make([]string, len(all))
		for i, s := range all {
			names[i] = string(s)
		}
		return "", fmt.Errorf("%s: %w: %q; there are %s", from, ErrNoStrategy, want, strings.Join(names, ", "))
	}
	return want, nil
}
