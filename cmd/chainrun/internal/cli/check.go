package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/journal/memory"
)

func (a *app) checkCommand() *cobra.Command {
	var w worldFlags
	c := &cobra.Command{
		Use:   "check GRAPH.toml...",
		Short: "Say everything that is wrong with a graph, without running it",
		Long: `Reads the graph, its schemas and its modules, compiles all of them, and says
everything that is wrong, each complaint with file, line and column: also wires on
which no document can be right, and expressions that fail whatever the documents
are. Says what a run can cost at worst, and all that the graph asks of the world:
what is not listed cannot be reached. Exit code 3 if something is wrong.`,
		Example: "  chainrun check graphs/movies/graph.toml\n  chainrun check --json graph.toml",
		Args:    atLeastOneGraph,
		RunE:    func(_ *cobra.Command, args []string) error { return a.check(args, w) },
	}
	w.add(c)
	return c
}

func (a *app) check(names []string, w worldFlags) error {
	options, err := w.options(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	h, err := a.newHost(append(options, recordIn(inMemory{memory.New()})...)...)
	if err != nil {
		return err
	}
	defer a.close(h)
	var found graph.Diagnostics
	worst, asked := []worstCase{}, []asks{}
	for _, name := range names {
		g, err := h.Load(name)
		ds, err := diagnosticsOf(name, err)
		if err != nil {
			return err
		}
		if g != nil {
			ds = g.Diagnostics()
		}
		found = append(found, ds...)
		if g == nil {
			continue
		}
		c, w := worstOf(name, g)
		worst, asked = append(worst, c), append(asked, asksOf(name, g.Plan().Asks()))
		if !a.json {
			d := g.Definition()
			fmt.Fprintf(a.Out, "%s: ok: %s, %s%s\n", indented(name), count(len(d.Nodes), "node"), count(len(d.Edges), "edge"), remarks(ds))
			fmt.Fprintln(a.Out, indented(sayWorst(w)))
			for _, line := range sayAsks(g.Plan().Asks()) {
				fmt.Fprintln(a.Out, "  "+indented(line))
			}
		}
	}
	if a.json {
		a.printJSON(struct {
			Diagnostics graph.Diagnostics `json:"diagnostics"`
			WorstCase   []worstCase       `json:"worst_case"`
			Asks        []asks            `json:"asks"`
		}{notNil(found), worst, asked})
	} else if len(found) > 0 {
		a.complain(found)
	}
	if found.Failed() {
		return said(exitInvalid)
	}
	return nil
}

func remarks(ds graph.Diagnostics) string {
	if len(ds) == 0 {
		return ""
	}
	return ", " + count(len(ds), "remark")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func atLeastOneGraph(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("expected the name of a graph file")
	}
	return nil
}

func (a *app) close(h *host.Host) {
	if err := h.Close(); err != nil {
		fmt.Fprintf(a.Err, "chainrun: %v\n", err)
	}
}
