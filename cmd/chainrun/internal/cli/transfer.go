package cli

// Runs as files: out of one store, into another one.

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/archive"
)

// exportCommand writes a run as one file.
func (a *app) exportCommand() *cobra.Command {
	var store, to string
	c := &cobra.Command{
		Use:   "export RUN",
		Short: "Write a run as one file, to be replayed or imported elsewhere",
		Long: `Writes all that there is of a run, with the graph, schemas and modules that it was
made of, as lines of JSON: what it holds of documents is readable to everybody who
has the file. A name that ends in .gz is compressed.`,
		Example: "  chainrun runs export RUN -o run.jsonl.gz\n  chainrun runs export RUN | ssh elsewhere chainrun runs import -",
		Args:    oneRun,
		RunE:    func(_ *cobra.Command, args []string) error { return a.export(args[0], to, store) },
	}
	addStoreFlag(c, &store)
	c.Flags().StringVarP(&to, "output", "o", "-", "the file to write, or - for stdout")
	c.ValidArgsFunction = a.completeRuns
	return c
}

func (a *app) export(id, to, path string) error {
	ctx, stop := interruptible()
	defer stop()
	s, err := a.readStore(ctx, path)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	run, err := a.findRun(ctx, s, id)
	if err != nil {
		return err
	}
	r, err := archive.Load(ctx, s, run.ID)
	if err != nil {
		return err
	}
	if to == "-" {
		w := bufio.NewWriter(a.Out)
		return errors.Join(archive.Write(w, r), w.Flush())
	}
	if err := writeFile(to, func(w io.Writer) error { return archive.Write(w, r) }); err != nil {
		return usagef("--output: %w", err)
	}
	if a.json {
		a.printJSON(map[string]string{"run": run.ID, "file": to})
	}
	return nil
}

// writeFile writes a file that is there as a whole or not at all; compressed, where
// its name says so.
func writeFile(name string, write func(io.Writer) error) (err error) {
	if there, err := os.Stat(name); err == nil && !there.Mode().IsRegular() {
		return fmt.Errorf("%s is there, and is no file", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	b := bufio.NewWriter(f)
	var w io.Writer = b
	finish := func() error { return nil }
	if strings.HasSuffix(name, ".gz") {
		z := gzip.NewWriter(b)
		w, finish = z, z.Close
	}
	if err := errors.Join(write(w), finish(), b.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// importCommand takes an exported run into the store.
func (a *app) importCommand() *cobra.Command {
	var store string
	c := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Take an exported run into the store",
		Long: `Takes a run that "chainrun runs export" has written into the store, under its own
id. To show, replay and compare it touches nothing but the store.

To resume or fork it is to run its graph: with the secrets that it names out of your
environment and your files, and with what it grants its nodes. A file of a stranger
brings the stranger's graph: what it asks for is said on stderr.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one file, or - for stdin; found %d arguments", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.importRun(args[0], store) },
	}
	c.Flags().StringVar(&store, "store", "", "the file to keep it in (default: CHAINRUN_STORE, else a file in the user's state folder)")
	return c
}

func (a *app) importRun(from, path string) error {
	r, err := a.readArchive(from)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	s, err := runStore(ctx, path)
	if err != nil {
		return err
	}
	defer a.closeStore(s)
	importer, ok := s.(journal.Importer)
	if _, nowhere := s.(inMemory); nowhere || !ok {
		return usagef("--store memory keeps no runs; --store PATH names a file")
	}
	if err := typable(ctx, s, r.ID); err != nil {
		return err
	}
	err = importer.Import(ctx, r.Made, r.Events)
	if errors.Is(err, journal.ErrRunExists) {
		return usagef("run %s is in the store already", cell(r.ID))
	}
	if errors.Is(err, journal.ErrOpenFork) {
		return usagef("run %s: %w; `chainrun replay %s` works without", cell(r.ID), journal.ErrOpenFork, quoted(from))
	}
	if err != nil {
		return err
	}
	wants := wantsOf(ctx, s, r.ID)
	if len(wants) > 0 {
		fmt.Fprintf(a.Err, "run %s is here now; to resume or fork it is to run its graph, which asks for:\n", r.ID)
		for _, w := range wants {
			fmt.Fprintf(a.Err, "  %s\n", cell(w))
		}
	}
	if a.json {
		a.printJSON(map[string]string{"run": r.ID})
		return nil
	}
	fmt.Fprintln(a.Out, r.ID)
	return nil
}

// typableID is what the id of somebody's run may be: a word on a command line, and no
// flag. Embedders name runs as they like, so that it is more than [runID].
var typableID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.:@+=,/-]{0,255}$`) })

// typable refuses a run that cannot be named by its id, and one whose id stands for
// another run: what the operator shortens to it would be a stranger's.
func typable(ctx context.Context, s journal.Journal, id string) error {
	if !typableID().MatchString(id) {
		return usagef("the run's id %.80q cannot be typed: expected at most 256 letters, digits and _.:@+=,/-, the first a letter, a digit or _", id)
	}
	var longer string
	for other, err := range s.Runs(ctx) {
		switch {
		case err != nil:
			return err
		case other == id:
			return nil // to be told by who takes it in
		case strings.HasPrefix(other, id):
			longer = other
		}
	}
	if longer != "" {
		return usagef("the run's id %s stands for run %s, which is in the store: --store PATH names another one", id, cell(longer))
	}
	return nil
}

// wantsOf is what the graph of a run asks of the world, in the order of its files; each
// once. What cannot be read asks for nothing: it cannot be run.
func wantsOf(ctx context.Context, s store, id string) (wants []string) {
	g, err := host.Pinned(ctx, s, id)
	if err != nil {
		return nil
	}
	add := func(want string) {
		if !slices.Contains(wants, want) {
			wants = append(wants, want)
		}
	}
	for _, g := range g.All() {
		for _, secret := range g.Secrets {
			if secret.Env != "" {
				add(fmt.Sprintf("secret %q: the environment's %s", secret.Name, secret.Env))
			} else {
				add(fmt.Sprintf("secret %q: the file %s", secret.Name, secret.File))
			}
		}
		granted := map[string]bool{}
		for _, n := range g.Nodes {
			for _, grant := range n.Grants {
				granted[grant.Capability] = true
				// A graph's name is where its values stand: it may be that of another one.
				add(fmt.Sprintf("capability %q, as graph %q: %s", grant.Capability, g.Name, grant.Terms))
			}
		}
		for _, s := range g.Capabilities {
			if granted[s.Name] {
				add(fmt.Sprintf("capability %q is %q with %s", s.Name, s.Kind, s.Value))
			}
		}
	}
	return wants
}

// readArchive reads an exported run from a file, or from stdin.
func (a *app) readArchive(name string) (archive.Run, error) {
	from := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return archive.Run{}, usagef("%w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		from = f
	}
	r, err := archive.Read(bufio.NewReader(from))
	if err != nil {
		return archive.Run{}, usagef("%s: %w", name, err)
	}
	return r, nil
}
