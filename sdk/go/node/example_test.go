package node_test

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/sdk/go/node"
)

// A handler is a plain function: a test calls it with a host of its own.
func ExampleWithHost() {
	ctx := node.WithHost(context.Background(), shop{})
	fmt.Println(price(ctx, order{SKU: "tea", Quantity: 3}))
	// Output: {1050} <nil>
}

type (
	order struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	invoice struct {
		Cents int `json:"cents"`
	}
)

func price(ctx context.Context, o order) (invoice, error) {
	prices, err := node.Config[map[string]int](ctx)
	if err != nil {
		return invoice{}, err
	}
	cents, ok := prices[o.SKU]
	if !ok {
		return invoice{}, node.Errorf("unknown_sku", "no price for %q", o.SKU)
	}
	return invoice{Cents: cents * o.Quantity}, nil
}

// shop is a host that has a config and nothing else.
type shop struct{}

func (shop) Call(capability, method string, _ []byte) ([]byte, error) {
	if capability == "node" && method == "config" {
		return []byte(`{"tea": 350}`), nil
	}
	return nil, &node.CallError{Code: "capability_denied", Capability: capability, Method: method}
}
