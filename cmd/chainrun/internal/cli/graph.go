package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graph/drawing"
)

// drawings are the forms in which a graph can be drawn.
var drawings = []struct {
	name string
	draw func(g *graph.Graph, width int) string
}{
	{"text", func(g *graph.Graph, width int) string {
		return drawing.Text(g, drawing.TextOptions{ASCII: !unicodeLocale(), Width: width})
	}},
	{"ascii", func(g *graph.Graph, width int) string {
		return drawing.Text(g, drawing.TextOptions{ASCII: true, Width: width})
	}},
	{"mermaid", func(g *graph.Graph, _ int) string { return drawing.Mermaid(g) }},
	{"dot", func(g *graph.Graph, _ int) string { return drawing.DOT(g) }},
	{"svg", func(g *graph.Graph, _ int) string { return drawing.SVG(g) }},
}

func (a *app) graphCommand() *cobra.Command {
	var format string
	var names []string
	for _, d := range drawings {
		names = append(names, d.name)
	}
	c := &cobra.Command{
		Use:   "graph GRAPH.toml",
		Short: "Draw a graph: in the terminal, as Mermaid, DOT or SVG",
		Long: `Draws a graph. Its modules need not be there: only the graph and its schemas
are read.`,
		Example: "  chainrun graph graph.toml\n  chainrun graph graph.toml --format svg > graph.svg",
		Args:    atLeastOneGraph,
		RunE:    func(_ *cobra.Command, args []string) error { return a.draw(args, format) },
	}
	c.Flags().StringVarP(&format, "format", "f", "text", "one of "+strings.Join(names, ", "))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) draw(names []string, format string) error {
	if len(names) > 1 {
		return usagef("expected one graph file, found %d", len(names))
	}
	for _, d := range drawings {
		if d.name != format {
			continue
		}
		g, found, err := host.Read(names[0])
		if ds, err := diagnosticsOf(names[0], err); err != nil {
			return err
		} else if ds != nil {
			return ds
		}
		for _, d := range found {
			fmt.Fprintln(a.Err, indented(d.String()))
		}
		text := strings.TrimRight(d.draw(g, width(a.Out)), "\n")
		if a.json {
			a.printJSON(struct {
				Format  string `json:"format"`
				Drawing string `json:"drawing"`
			}{format, text})
			return nil
		}
		fmt.Fprintln(a.Out, text)
		return nil
	}
	return usagef("--format %q: expected text, ascii, mermaid, dot or svg", format)
}

// width is how many columns a terminal has; 0 for what is none.
func width(w io.Writer) int {
	if c, ok := w.(*checkedWriter); ok {
		w = c.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(f.Fd())
	if err != nil {
		return 0
	}
	return columns
}

// unicodeLocale reports whether the operator's locale can show box drawings, as
// POSIX orders the variables.
func unicodeLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}
