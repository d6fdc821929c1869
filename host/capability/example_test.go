package capability_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
)

// An embedder registers Go code in a few lines: host.WithCapability("shop", shop).
func ExampleNew() {
	type request struct {
		SKU   string `json:"sku" jsonschema:"as it stands on the shelf"`
		Count int    `json:"count"`
	}
	type answer struct {
		Left int `json:"left"`
	}
	shop := capability.New("the shop's shelves",
		capability.Handle("take", "takes things from a shelf", func(ctx context.Context, in request) (answer, error) {
			if !strings.HasPrefix(in.SKU, "tea-") {
				return answer{}, &capability.Error{Reason: "unknown_sku", Message: "there is no shelf " + in.SKU}
			}
			_ = capability.FromContext(ctx).Key // a service that honours it takes once
			return answer{Left: 10 - in.Count}, nil
		}))

	offer, err := capability.NewOffer("shop", shop) // what a host does
	if err != nil {
		fmt.Println(err)
		return
	}
	request1 := document.MustParse(`{"sku": "tea-7", "count": 3}`)
	got, err := offer.Call(context.Background(), capability.Call{Method: "take", Request: request1})
	fmt.Println(got.Document, err)
	_, err = offer.Call(context.Background(), capability.Call{Method: "take", Request: document.MustParse(`{"sku": "cup", "count": 1}`)})
	fmt.Println(err)
	found := offer.Method("take").RequestSchema.Validate(document.MustParse(`{"sku": "tea-7", "count": 1, "colour": "green"}`))
	fmt.Println(found[0].Message)
	// Output:
	// {"left":7} <nil>
	// there is no shelf cup
	// the property "colour" is not allowed; allowed: "count", "sku"
}
