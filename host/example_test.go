package host_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing/fstest"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/graph"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// files is a graph with its modules, as an embedded file system would hold it.
func files(graph string) fstest.MapFS {
	return fstest.MapFS{
		"graph.toml":  {Data: []byte(graph)},
		"echo.wasm":   {Data: moduletest.Echo()},
		"fail.wasm":   {Data: moduletest.Fail(`{"code":"sold_out","message":"no tickets left"}`)},
		"spin.wasm":   {Data: moduletest.Spin()},
		"answer.wasm": {Data: moduletest.Say(`{"answer":42}`)},
		"take.wasm":   {Data: moduletest.Ask("shop", "take", 1)}, // asks the capability shop for its input
	}
}

// The whole of it: load a graph once, run it as often as you like.
func Example() {
	h, err := host.New()
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	g, err := h.LoadFS(files(`
		version = 1
		chain = ["greet", "shout"]
		[nodes.greet]
		module = "echo.wasm"
		input = { text = "'Hello, ' + input.name + '!'" }
		[nodes.shout]
		module = "echo.wasm"
		input = { text = "input.text.upperAscii()" }
	`), "graph.toml")
	if err != nil {
		log.Fatal(err)
	}

	run, err := h.Run(context.Background(), g, map[string]any{"name": "Ada"})
	if err != nil {
		log.Fatal(err)
	}
	var out struct{ Text string }
	if err := run.Decode(&out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status(), out.Text)
	// Output: done HELLO, ADA!
}

// What a node may ask of the world can be code of yours: the graph grants it, the
// host checks, limits and records each call.
func ExampleWithCapability() {
	type order struct {
		SKU   string `json:"sku"`
		Count int    `json:"count"`
	}
	type answer struct {
		Left int `json:"left"`
	}
	shop := capability.New("the shop's shelves",
		capability.Handle("take", "takes things from a shelf", func(_ context.Context, o order) (answer, error) {
			if o.Count > 10 {
				return answer{}, &capability.Error{Reason: "sold_out", Message: "there are 10 on the shelf"}
			}
			return answer{Left: 10 - o.Count}, nil
		}))

	h, err := host.New(host.WithCapability("shop", shop))
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	g, err := h.LoadFS(files(`
		version = 1
		chain = ["take"]
		[nodes.take]
		module = "take.wasm"
		[nodes.take.grants.shop]
		calls = 1
	`), "graph.toml")
	if err != nil {
		log.Fatal(err)
	}
	for _, count := range []int{3, 30} {
		run, err := h.Run(context.Background(), g, order{SKU: "tea-7", Count: count})
		if err != nil {
			log.Fatal(err)
		}
		if why := run.Failure(); why != nil {
			fmt.Println(why)
			continue
		}
		fmt.Println(run.Output(), run.View().Usage.Calls, "call")
	}
	// Output:
	// {"left":7} 1 call
	// capability_error (sold_out): there are 10 on the shelf
}

// A run that failed is no error: it says why.
func ExampleRun_Failure() {
	h, _ := host.New()
	defer h.Close()
	g, err := h.LoadFS(files(`
		version = 1
		chain = ["book"]
		[nodes.book]
		module = "fail.wasm"
	`), "graph.toml")
	if err != nil {
		log.Fatal(err)
	}
	run, err := h.Run(context.Background(), g, nil)
	if err != nil {
		log.Fatal(err)
	}
	why := run.Failure()
	fmt.Println(run.Status(), why.Step, why.Code, why.Reason, why.Message)
	// Output: failed book node_error sold_out no tickets left
}

// Start returns at once; Events follows the run to its end.
func ExampleRun_Events() {
	h, _ := host.New()
	defer h.Close()
	g, err := h.LoadFS(files(`
		version = 1
		chain = ["ask"]
		[nodes.ask]
		module = "answer.wasm"
	`), "graph.toml")
	if err != nil {
		log.Fatal(err)
	}
	run, err := h.Start(context.Background(), g, nil)
	if err != nil {
		log.Fatal(err)
	}
	for e := range run.Events() {
		fmt.Println(e.Seq, e.Body.Type())
	}
	fmt.Println(run.Output())
	// Output:
	// 1 run_started
	// 2 attempt_started
	// 3 attempt_succeeded
	// 4 run_finished
	// {"answer":42}
}

// What is wrong with a graph comes all at once, with places.
func ExampleHost_LoadFS() {
	h, _ := host.New()
	defer h.Close()
	_, err := h.LoadFS(files(`
version = 1
chain = ["parse", "scor"]
[nodes.parse]
module = "parse.wasm"
[nodes.score]
module = "echo.wasm"
fule = 100
`), "graph.toml")
	if complaints, ok := errors.AsType[graph.Diagnostics](err); ok {
		for _, c := range complaints {
			fmt.Println(c)
		}
	}
	// Output:
	// graph.toml:3:19: chain: "scor": no such node (did you mean "score"?)
	// graph.toml:8:1: node "score": fule: no such key (did you mean "fuel"?)
}

// A run that waits for somebody rests until it is answered.
func ExampleRun_Signal() {
	h, err := host.New()
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	g, err := h.LoadFS(files(`
		version = 1
		chain = ["draft", "approve", "publish"]
		[nodes.draft]
		module = "echo.wasm"
		[nodes.approve]
		wait = true
		output_schema = { type = "object", required = ["ok"] }
		[nodes.publish]
		module = "echo.wasm"
		input = { published = "input.ok" }
	`), "graph.toml")
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	run, err := h.Run(ctx, g, map[string]any{"text": "Hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status(), run.Waits())
	if err := run.Signal(ctx, "approve", map[string]any{"ok": true}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Status(), run.Output())
	// Output:
	// waiting [approve]
	// done {"published":true}
}
