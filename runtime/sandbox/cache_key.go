package sandbox

// What a cached module depends on, and how long it is kept.

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chainrun/chainrun/runtime/meter"
)

// cacheKey names the file of a module: everything that decides what is in it.
func cacheKey(digest string, tableElements uint32, interpreter bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\ntables %d\ninterpreter %t\nmeter %d %+v\n%s\n%s/%s\n",
		cacheFormat, digest, tableElements, interpreter, meter.Version, meterConfig, buildIdentity(), runtime.GOOS, runtime.GOARCH))
	return hex.EncodeToString(sum[:20])
}

// The modules whose versions decide how a module is rewritten and compiled.
const (
	ownModule    = "github.com/chainrun/chainrun"
	wazeroModule = "github.com/tetratelabs/wazero"
)

// buildIdentity tells builds apart that may rewrite or compile differently.
// Released builds are told apart by versions. A build from a changed tree has
// none that means anything, so there it is the executable that counts.
var buildIdentity = sync.OnceValue(func() string {
	var versions []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			released := m.Replace == nil && m.Version != "" && m.Version != "(devel)" && !strings.HasSuffix(m.Version, "+dirty")
			if (m.Path == ownModule || m.Path == wazeroModule) && released {
				versions = append(versions, m.Path+" "+m.Version)
			}
		}
	}
	if len(versions) < 2 {
		versions = append(versions, executableIdentity())
	}
	return strings.Join(versions, "\n")
})

// executableIdentity tells executables apart. That of this process may have another one
// in its place by now: Linux still has it. Where none can be looked at, no other process
// has this one's identity.
func executableIdentity() string {
	paths := []string{"/proc/self/exe"}
	if path, err := os.Executable(); err == nil {
		paths = append(paths, path)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			return fmt.Sprintf("executable of %d bytes of %d", info.Size(), info.ModTime().UnixNano())
		}
	}
	return fmt.Sprintf("process %d of %d", os.Getpid(), time.Now().UnixNano())
}

// wazeroKnown is the version of wazero of which we know that it reads executables
// into a mapping of their own, see contents.mapOver.
const wazeroKnown = "v1.12.0"

// knowsWazero tells whether that version is built in. Test binaries do not say
// what is built in, and have this replaced.
var knowsWazero = func() bool { return wazeroVersion() == wazeroKnown }

// How much the cache keeps: what was not used for keepFor goes, and so does
// what is more than keepEntries or keepBytes, the least recently used first.
const (
	keepFor           = 30 * 24 * time.Hour
	keepEntries       = 256
	keepBytes   int64 = 2 << 30
)

// prune removes old entries. Another process that uses one just then compiles
// without it.
func prune(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	type used struct {
		name string
		at   time.Time
		size int64
	}
	var files []used
	for _, d := range entries {
		if info, err := d.Info(); err == nil {
			files = append(files, used{d.Name(), info.ModTime(), info.Size()})
		}
	}
	slices.SortFunc(files, func(a, b used) int { return b.at.Compare(a.at) })
	sum := int64(0)
	for n, f := range files {
		sum += f.size
		if n >= keepEntries || sum > keepBytes && n > 0 || time.Since(f.at) > keepFor {
			_ = os.RemoveAll(filepath.Join(dir, f.name))
		}
	}
}
