package cli

// A graph of one node, from the command line.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/host/graphfile"
	"github.com/chainrun/chainrun/host/plan"
)

// nodeFlags are what a graph would say of a node. They are read as a graph file is.
type nodeFlags struct {
	entry, encoding       string
	config                string
	fuel, memory, timeout string
	grants                []string
	capabilities, secrets []string
}

func (f *nodeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.entry, "entry", "", "the entry to call (default: the module's main one)")
	c.Flags().StringVar(&f.encoding, "encoding", "", "json, or text: the input is a JSON string, and the node gets and returns its characters")
	c.Flags().StringVar(&f.config, "config", "", "the node's config: JSON, @FILE, or - for stdin")
	c.Flags().StringArrayVar(&f.grants, "grant", nil, `what the node may ask of the world, as in a graph: 'fetch = {hosts = ["example.com"]}'; may be repeated`)
	c.Flags().StringArrayVar(&f.capabilities, "capability", nil, `settings of a capability, as in a graph: 'llm = {…}'; may be repeated`)
	c.Flags().StringArrayVar(&f.secrets, "secret", nil, `a secret that grants refer to: 'token = {env = "TOKEN"}'; may be repeated`)
	f.addLimits(c)
}

func (f *nodeFlags) addLimits(c *cobra.Command) {
	c.Flags().StringVar(&f.fuel, "fuel", "", "instructions that the attempt may execute (default 10_000_000_000)")
	c.Flags().StringVar(&f.memory, "memory", "", "the node's memory: 16MiB (default 256MiB)")
	c.Flags().StringVar(&f.timeout, "timeout", "", "how long the attempt may take (default 30s)")
}

// oneNode checks the arguments of a command about a module.
func oneNode(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("expected one .wasm file, or std:NAME, found %d arguments", len(args))
	}
	return nil
}

// source draws the graph. The error is [graph.Diagnostics] where a flag is at fault.
func (f *nodeFlags) source(a *app, module string) (*graph.Source, error) {
	at := graph.Position{File: module}
	n := graph.NodeSource{
		Name: nodeName(module), Module: module, Entry: f.entry, At: at,
		Keys: graph.Positions{"module": at, "entry": {File: "--entry"}, "config": {File: "--config"}},
	}
	src := &graph.Source{File: module, Nodes: []graph.NodeSource{n}, Keys: graph.Positions{}}
	into := &src.Nodes[0]
	var found graph.Diagnostics
	for _, key := range []struct{ flag, text string }{
		{"encoding", f.encoding}, {"fuel", f.fuel}, {"memory", f.memory}, {"timeout", f.timeout},
	} {
		if key.text == "" {
			continue
		}
		said, complaints := written("--"+key.flag, "[nodes."+strconv.Quote(into.Name)+"]", key.flag+" = "+tomlValue(key.text))
		found = append(found, complaints...)
		if complaints.Failed() || len(said.Nodes) != 1 {
			continue
		}
		from := said.Nodes[0]
		into.Keys[key.flag] = graph.Position{File: "--" + key.flag}
		switch key.flag {
		case "encoding":
			into.Encoding = from.Encoding
		case "fuel":
			into.Fuel = from.Fuel
		case "memory":
			into.Memory = from.Memory
		case "timeout":
			into.Timeout = from.Timeout
		}
	}
	sections := func(flag, header string, texts []string, take func(*graph.Source)) {
		for _, text := range texts {
			said, complaints := written(flag, header, text)
			found = append(found, complaints...)
			if said != nil {
				take(said)
			}
		}
	}
	sections("--grant", "[nodes."+strconv.Quote(into.Name)+".grants]", f.grants, func(s *graph.Source) {
		if len(s.Nodes) == 1 {
			into.Grants = append(into.Grants, s.Nodes[0].Grants...)
		}
	})
	sections("--capability", "[capabilities]", f.capabilities, func(s *graph.Source) {
		src.Capabilities = append(src.Capabilities, s.Capabilities...)
	})
	sections("--secret", "[secrets]", f.secrets, func(s *graph.Source) { src.Secrets = append(src.Secrets, s.Secrets...) })
	if found.Failed() {
		return nil, found
	}
	if f.config != "" {
		config, err := a.flagDocument("--config", f.config)
		if err != nil {
			return nil, err
		}
		into.Config = graph.Value{Document: config, At: graph.Position{File: "--config"}}
	}
	return src, nil
}

// written reads what a flag says, as the line after header in a graph file.
func written(flag, header, text string) (*graph.Source, graph.Diagnostics) {
	src, found := graphfile.Parse(flag, []byte(header+"\n"+text+"\n"))
	for i := range found {
		found[i].Line = max(found[i].Line-1, 1)
	}
	return src, found
}

// numeric are the values that stand in TOML as they are.
var numeric = regexp.MustCompile(`^[0-9][0-9_]*$`)

func tomlValue(text string) string {
	if numeric.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

// flagDocument reads the document that a flag gives.
func (a *app) flagDocument(flag, value string) (document.Document, error) {
	text, err := a.readDocument(flag, value)
	if err != nil {
		return document.Document{}, err
	}
	d, err := document.Parse(text, document.Limits{})
	if err != nil {
		return d, usagef("%s: expected JSON: %w", flag, err)
	}
	return d, nil
}

// maxNodeName is the most that a file's name is taken over into a node's.
const maxNodeName = 100

// nodeName makes the name of a node of that of its module.
func nodeName(module string) string {
	scheme, name := plan.SplitReference(module)
	if scheme == "" {
		name = filepath.Base(module)
		if i := strings.Index(name, "@sha256:"); i >= 0 {
			name = name[:i]
		}
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || unicode.IsLetter(r) && r != unicode.ReplacementChar || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name)
	if len(name) > maxNodeName {
		name = strings.ToValidUTF8(name[:maxNodeName], "")
	}
	if name == "" || strings.HasPrefix(name, "-") || name == "true" || name == "false" || name == "null" || name == "in" {
		return "node"
	}
	return name
}

// moduleFile reads the module of a graph of one node, as the graph names it.
func moduleFile(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: it is no regular file", name)
	}
	return readModule(name)
}
