package cli

// chainrun node test: a node held against its cases.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/cmd/chainrun/internal/cases"
	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability/secret"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/plan"
)

func (a *app) nodeTestCommand() *cobra.Command {
	var run string
	c := &cobra.Command{
		Use:   "test [NODE.wasm|DIR [CASES]]",
		Short: "Hold a node against its cases",
		Long: `Calls a node once for each case of a file, TOML or JSON, and compares what comes of
it with what the case expects: an output, byte by value, or one that a schema
accepts; or a failure; and how much fuel and memory it takes at most. The world is
asked nothing: capabilities answer what the case says. Clock and randomness are the
same each time.

Without CASES the cases are in NAME.cases.toml, cases.toml, or the same as .json,
beside the module; of a folder, the module is the .wasm file in it. Without
anything the folder is the current one.

Exit codes: 0 all cases passed, 1 one did not, 2 usage, 3 the module or the file of
cases is invalid.`,
		Example: "  chainrun node test greet.wasm\n  chainrun node test . --run '^greets'\n  chainrun node test std:jq jq.cases.toml --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usagef("expected a .wasm file or a folder, and perhaps a file of cases; found %d arguments", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			what, file := ".", ""
			if len(args) > 0 {
				what = args[0]
			}
			if len(args) == 2 {
				file = args[1]
			}
			return a.nodeTest(what, file, run)
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	c.Flags().StringVar(&run, "run", "", "only the cases whose name matches this regular expression")
	return c
}

func (a *app) nodeTest(what, file, run string) error {
	pattern, err := regexp.Compile(run)
	if err != nil {
		return usagef("--run: %w", err)
	}
	module, file, err := findCases(what, file)
	if err != nil {
		return err
	}
	text, err := readCases(file)
	if err != nil {
		return usagef("reading the cases: %w", err)
	}
	list, found := cases.Read(file, text)
	if found.Failed() {
		return found
	}
	ctx, stop := interruptible()
	defer stop()
	log := &boundedLog{}
	h, err := a.newHost(host.WithLogger(slog.New(&nodeLog{level: slog.LevelDebug, to: &plain{w: log}})), host.WithSecrets(secret.System()))
	if err != nil {
		return err
	}
	defer a.close(h)
	report := testReport{Module: module, File: file, Cases: []caseReport{}}
	for _, c := range list {
		if !pattern.MatchString(c.Name) {
			continue
		}
		log.Reset()
		one, err := a.testCase(ctx, h, module, c, filepath.Dir(file))
		if err != nil {
			return err
		}
		if !one.Passed {
			one.Log = log.String()
		}
		if !a.json {
			one.print(a.Out)
		}
		report.add(one)
	}
	if len(report.Cases) == 0 {
		return usagef("--run %q matches none of the %d cases", run, len(list))
	}
	if a.json {
		a.printJSON(report)
	} else {
		fmt.Fprintf(a.Out, "%s: %d passed, %d failed\n", indented(module), report.Passed, report.Failed)
	}
	if report.Failed > 0 {
		return said(exitFailed)
	}
	return nil
}

// findCases finds the module and the file of cases that are meant.
func findCases(what, file string) (module, cases string, err error) {
	module = what
	if info, err := os.Stat(what); err == nil && info.IsDir() {
		if module, err = moduleIn(what); err != nil {
			return "", "", err
		}
	}
	if file != "" {
		return module, file, nil
	}
	if scheme, _ := plan.SplitReference(module); scheme != "" {
		return "", "", usagef("expected the file of cases for %s", module)
	}
	base := strings.TrimSuffix(filepath.Base(module), filepath.Ext(module))
	var looked []string
	for _, name := range []string{base + ".cases.toml", base + ".cases.json", "cases.toml", "cases.json"} {
		name = filepath.Join(filepath.Dir(module), name)
		if _, err := os.Stat(name); err == nil {
			return module, name, nil
		}
		looked = append(looked, name)
	}
	return "", "", usagef("there are no cases for %s: looked for %s", module, strings.Join(looked, ", "))
}

// moduleIn is the module of a project: the one that `node build` writes, else the only
// one that is there.
func moduleIn(dir string) (string, error) {
	if abs, err := filepath.Abs(dir); err == nil {
		name := filepath.Join(dir, filepath.Base(abs)+".wasm")
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	found, err := filepath.Glob(filepath.Join(globEscape.Replace(dir), "*.wasm"))
	switch {
	case err != nil:
		return "", usagef("%s: %w", dir, err)
	case len(found) == 0:
		return "", usagef("%s has no .wasm file: chainrun node build %s", dir, quoted(dir))
	case len(found) > 1:
		return "", usagef("%s has %d .wasm files: name one", dir, len(found))
	}
	return found[0], nil
}

var globEscape = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// readCases reads a file of cases, one byte more than it may have.
func readCases(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, cases.MaxBytes+1))
	return text, errors.Join(err, f.Close())
}

// testReport is the form in JSON of a test.
type testReport struct {
	Module string       `json:"module"`
	File   string       `json:"file"`
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	Cases  []caseReport `json:"cases"`
}

func (r *testReport) add(c caseReport) {
	r.Cases = append(r.Cases, c)
	if c.Passed {
		r.Passed++
	} else {
		r.Failed++
	}
}

// caseReport is what came of one case.
type caseReport struct {
	Name   string `json:"name"`
	Line   int    `json:"line,omitempty"`
	Passed bool   `json:"passed"`
	cases.Verdict
	tried
	Log string `json:"log,omitempty"` // of a case that failed
}

// testCase makes the attempt of a case. Where the module is at fault the error is
// [graph.Diagnostics]; complaints about the case are its verdict.
func (a *app) testCase(ctx context.Context, h *host.Host, module string, c *cases.Case, dir string) (caseReport, error) {
	one := caseReport{Name: c.Name, Line: c.At.Line}
	node := nodeName(module)
	g, err := loadOne(h.LoadAnswered, c.Source(node, module), besideCases(dir, module))
	if ds, ok := errors.AsType[graph.Diagnostics](err); ok {
		for _, d := range ds {
			if d.Severity != graph.Error {
				continue
			}
			if d.File == module {
				return one, ds
			}
			one.Complaints = append(one.Complaints, d.String())
		}
		one.Status = "failed"
		return one, nil
	}
	if err != nil {
		return one, err
	}
	done, err := h.Attempt(ctx, g, c.Given(node))
	if ctx.Err() != nil {
		fmt.Fprintln(a.Err, "chainrun: interrupted")
		return one, said(exitInterrupted)
	}
	if one.Verdict, err = c.Judge(done, err); err != nil {
		return one, err
	}
	one.tried, one.Passed = triedOf(done), one.Verdict.Passed()
	return one, nil
}

// besideCases reads the module by its name, and schemas from the folder of the cases.
func besideCases(dir, module string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if name == module || strings.HasPrefix(module, name+"@sha256:") {
			return moduleFile(name)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }()
		f, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, &fs.PathError{Op: "read", Path: name, Err: errors.Join(err, errors.New("it is no regular file"))}
		}
		text, err := io.ReadAll(io.LimitReader(f, host.MaxSchemaBytes+1))
		if err == nil && len(text) > host.MaxSchemaBytes {
			err = fmt.Errorf("%s has more than %d bytes", name, host.MaxSchemaBytes)
		}
		return text, err
	}
}

// print writes a line about the case, and below it what is wrong.
func (c *caseReport) print(w io.Writer) {
	verdict := "ok  "
	if !c.Passed {
		verdict = "FAIL"
	}
	fmt.Fprintf(w, "%s  %-40s  fuel %s, memory %s\n", verdict, indented(c.Name), thousands(c.Fuel), binarySize(c.MemoryBytes))
	for _, complaint := range c.Complaints {
		fmt.Fprintf(w, "      %s\n", strings.ReplaceAll(indented(complaint), "\n", "\n      "))
	}
	for _, change := range c.Changes {
		at := change.Pointer
		if at == "" {
			at = "the whole"
		}
		fmt.Fprintf(w, "      %s: expected %s, found %s\n", indented(at), valueLine(change.A), valueLine(change.B))
	}
	if c.More {
		fmt.Fprintln(w, "      and in more places")
	}
	for line := range strings.Lines(c.Log) {
		fmt.Fprintf(w, "      log: %s\n", strings.TrimRight(line, "\n"))
	}
}
