// The chain that chainrun and the LangGraphs are compared on: ten nodes, each of
// which is given an order of 1 KB and gives it back with one more in its number n.
package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/event"
)

const chainNodes = 10

// orderSchema is that of host/schema's benchmark, with a number n. The peers have
// the same in zod's and in pydantic's words.
const orderSchema = `{"type":"object","required":["id","items","n"],"additionalProperties":false,"properties":{
	"id":{"type":"integer"},"n":{"type":"integer"},"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{
		"sku":{"type":"string","pattern":"^[A-Z]-[0-9]+$"},"quantity":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":80}}}}}}`

// orderItems are such that an order has 1 KB.
var orderItems = bytes.TrimSuffix(bytes.Repeat([]byte(`{"sku":"A-1002","quantity":3,"note":"handle with care, please"},`), 15), []byte(","))

// order is no other's: what is stored or looked up by content is so once.
func order(id int64, n int) []byte {
	b := make([]byte, 0, len(orderItems)+64)
	b = strconv.AppendInt(append(b, `{"id":`...), id, 10)
	b = append(append(append(b, `,"items":[`...), orderItems...), `],"n":`...)
	return append(strconv.AppendInt(b, int64(n), 10), '}')
}

// isOrder says whether b is what order gives, without making one.
func isOrder(b []byte, id int64, n int) bool {
	var number [20]byte
	rest, same := b, true
	cut := func(part []byte) {
		var ok bool
		rest, ok = bytes.CutPrefix(rest, part)
		same = same && ok
	}
	cut([]byte(`{"id":`))
	cut(strconv.AppendInt(number[:0], id, 10))
	cut([]byte(`,"items":[`))
	cut(orderItems)
	cut([]byte(`],"n":`))
	cut(strconv.AppendInt(number[:0], int64(n), 10))
	return same && string(rest) == "}"
}

// chain is the graph in chainrun.
type chain struct {
	h    *host.Host
	g    *host.Graph
	long int // nodes
	ends int // the number in its output
	runs atomic.Int64
}

// chained is what a chain has beyond its module.
type chained struct {
	nodes   int  // 0: ten
	checked bool // every node has a schema for its input and one for its output
	asks    bool // every node asks a capability, and gives back what that answers, instead of counting
}

// newChain makes one of a module with the entries count and ask.
func newChain(module []byte, c chained, options ...host.Option) (*chain, error) {
	long := cmp.Or(c.nodes, chainNodes)
	made := &chain{long: long, ends: long}
	entry, grant := "count", ""
	options = append(options, host.WithCacheDir(filepath.Join(folder, "build", "cache")))
	if c.asks {
		made.ends, entry, grant = 0, "ask", "echo"
		options = append(options, host.WithCapability("echo", echoed{orderSchema}), host.WithParallel(durableRuns))
	}
	h, err := host.New(options...)
	if err != nil {
		return nil, fmt.Errorf("making a host: %w", err)
	}
	names, text := make([]string, long), strings.Builder{}
	if c.checked {
		text.WriteString("[input]\nschema = 'order.json'\n[output]\nschema = 'order.json'\n[defaults]\ninput_schema = 'order.json'\noutput_schema = 'order.json'\n")
	}
	for i := range names {
		names[i] = fmt.Sprintf("'n%d'", i)
		fmt.Fprintf(&text, "[nodes.n%d]\nmodule = 'node.wasm'\nentry = '%s'\n", i, entry)
		if grant != "" {
			fmt.Fprintf(&text, "[nodes.n%d.grants.%s]\n", i, grant)
		}
	}
	g, err := h.LoadFS(fstest.MapFS{
		"graph.toml": {Data: []byte("version = 1\nchain = [" + strings.Join(names, ", ") + "]\n" + text.String())},
		"node.wasm":  {Data: module},
		"order.json": {Data: []byte(orderSchema)},
	}, "graph.toml")
	if err != nil {
		_ = h.Close()
		return nil, fmt.Errorf("loading the graph: %w", err)
	}
	made.h, made.g = h, g
	return made, nil
}

func (c *chain) close() { _ = c.h.Close() }

// run makes runs one after another.
func (c *chain) run(ctx context.Context, runs int) error {
	for range runs {
		id := c.runs.Add(1)
		r, err := c.h.Run(ctx, c.g, order(id, 0))
		if err != nil {
			return fmt.Errorf("running the chain: %w", err)
		}
		if r.Status() != event.Done || !isOrder(r.Output().Bytes(), id, c.ends) {
			return fmt.Errorf("the run of the chain is %s: %v, %.80s", r.Status(), r.Failure(), r.Output().Bytes())
		}
	}
	return nil
}

// steps is a labour of so many runs, one after another.
func (c *chain) steps(ctx context.Context, runs int) func() (lap, error) {
	return inProcess(runs*c.long, func() error { return c.run(ctx, runs) })
}

// stepsTogether is one of 64 runs at once, so many times each.
func (c *chain) stepsTogether(ctx context.Context, each int) func() (lap, error) {
	return inProcess(durableRuns*each*c.long, func() error { return together(func(int) error { return c.run(ctx, each) }) })
}
