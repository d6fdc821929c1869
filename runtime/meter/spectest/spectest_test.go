// The suites, the lanes in which they run, and what must hold between lanes.
package spectest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// suites are folders of wazero's test data. assertions is how many commands a
// lane must carry out, so that the test cannot pass by running nothing; the
// numbers are those of wazero v1.12.0 and may only grow.
var suites = []struct {
	folder     string
	features   api.CoreFeatures
	assertions int
}{
	{"v1", api.CoreFeaturesV1, 18_830},
	{"v2", api.CoreFeaturesV2, 52_893},
	{"tail-call", api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall, 108},
	{"extended-const", api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst, 114},
}

// suiteData finds wazero's test data in the module cache.
func suiteData(tb testing.TB) string {
	tb.Helper()
	out, err := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		tb.Fatalf("asking go for wazero's folder: %v", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	if _, err := os.Stat(folder); err != nil {
		tb.Fatalf("the spec tests are data of the wazero module: run `go mod download github.com/tetratelabs/wazero`: %v", err)
	}
	return folder
}

// lane is one way to run a script.
type lane struct {
	name   string
	config func() wazero.RuntimeConfig
	slice  int64 // 0: as the module came
}

var lanes = []lane{
	{"plain-compiler", wazero.NewRuntimeConfigCompiler, 0},
	{"plain-interpreter", wazero.NewRuntimeConfigInterpreter, 0},
	{"metered-compiler", wazero.NewRuntimeConfigCompiler, someSlice},
	{"metered-interpreter", wazero.NewRuntimeConfigInterpreter, someSlice},
	{"yielding-compiler", wazero.NewRuntimeConfigCompiler, leastSlice},
}

func TestSpec(t *testing.T) {
	data := suiteData(t)
	spectest, err := os.ReadFile(filepath.Join(data, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range suites {
		t.Run(suite.folder, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(data, suite.folder, "testdata", "*.json"))
			if err != nil {
				t.Fatal(err)
			}
			done := make([]atomic.Int64, len(lanes))
			var skipped, yields atomic.Int64
			t.Cleanup(func() { // after the parallel subtests
				for i, l := range lanes {
					n := int(done[i].Load())
					t.Logf("%s %s: %d commands carried out", suite.folder, l.name, n)
					if n < suite.assertions && !t.Failed() && !filtered() {
						t.Errorf("%s: only %d commands carried out, want %d", l.name, n, suite.assertions)
					}
				}
				t.Logf("%s: %d commands left out (text format, registrations), %d yields", suite.folder, skipped.Load()/int64(len(lanes)), yields.Load())
			})
			for _, path := range paths {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
					t.Parallel()
					s, err := readScript(path)
					if err != nil {
						t.Fatal(err)
					}
					traces := map[string][]entry{}
					for i, l := range lanes {
						r := l.run(t, s, suite.features, spectest)
						traces[l.name] = r.trace
						done[i].Add(int64(len(r.trace)))
						skipped.Add(int64(r.skipped))
						yields.Add(int64(r.yields))
					}
					sameFuel(t, traces["metered-compiler"], traces["metered-interpreter"], true)
					sameFuel(t, traces["metered-compiler"], traces["yielding-compiler"], false)
				})
			}
		})
	}
}

// filtered says that -run selected a part of the scripts.
func filtered() bool {
	for _, arg := range os.Args {
		if strings.HasPrefix(arg, "-test.run=") {
			return true
		}
	}
	return false
}

// run runs a script in the lane and reports its complaints.
func (l lane) run(t *testing.T, s *script, features api.CoreFeatures, spectest []byte) *run {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, l.config().WithCoreFeatures(features).WithDebugInfoEnabled(false))
	defer runtime.Close(ctx)
	r := &run{
		ctx: ctx, runtime: runtime, script: s, read: asItCame,
		named: map[string]*instance{}, all: map[api.Module]*instance{},
	}
	if l.slice > 0 {
		r.slice = l.slice
		r.read = throughMeter
	}
	complaints := r.execute(spectest)
	for i, err := range complaints {
		if i == 10 {
			t.Errorf("%s: and %d more", l.name, len(complaints)-i)
			break
		}
		t.Errorf("%s: %v", l.name, err)
	}
	return r
}

func asItCame(wasm []byte) (*rewritten, error) { return &rewritten{wasm: wasm}, nil }

// sameFuel wants two runs to have done the same, command by command: equal fuel
// and, where NaNs are made equal, equal bits of every numeric result. After a
// trap the fuel is that of the last stop before it, equal only for equal slices.
func sameFuel(t *testing.T, a, b []entry, equalSlices bool) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("the runs carried out %d and %d commands", len(a), len(b))
		return
	}
	for i := range a {
		if a[i].line != b[i].line || a[i].trap != b[i].trap {
			t.Errorf("line %d, %s: trap %q in one run, %q in the other", a[i].line, a[i].kind, a[i].trap, b[i].trap)
		}
		if a[i].fuel != b[i].fuel && (equalSlices || a[i].ended) {
			t.Errorf("line %d, %s: fuel %d in one run, %d in the other", a[i].line, a[i].kind, a[i].fuel, b[i].fuel)
		}
		if sameNaNs && !slices.Equal(a[i].words, b[i].words) {
			t.Errorf("line %d, %s: results %x in one run, %x in the other", a[i].line, a[i].kind, a[i].words, b[i].words)
		}
		if a[i].ended && a[i].fuel == 0 {
			t.Errorf("line %d, %s: a call used no fuel", a[i].line, a[i].kind)
		}
	}
}
