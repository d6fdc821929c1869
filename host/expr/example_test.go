package expr_test

import (
	"context"
	"fmt"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/expr"
)

func Example() {
	env := expr.NewEnv("output", "state")
	condition, err := env.CompileCondition(`output.total > 1000 && state.n < 3`)
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := env.Compile(`{"n": state.n + 1, "id": output.id, "half": output.total / 2}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	vars := map[string]document.Document{
		"output": document.MustParse(`{"total": 1501, "id": 12345678901234567890}`),
		"state":  document.MustParse(`{"n": 2.0}`),
	}
	holds, err := condition.Holds(context.Background(), vars)
	fmt.Println(holds, err)
	d, err := value.Eval(context.Background(), vars)
	fmt.Println(d, err)
	// Output:
	// true <nil>
	// {"half":750.5,"id":12345678901234567890,"n":3} <nil>
}

func ExampleEnv_Compile_complaints() {
	_, err := expr.NewEnv("output").Compile(`outptu.total > 1 && output.name.startWith("a")`)
	fmt.Println(err)
	// Output:
	// line 1, column 1: there is no variable "outptu" (did you mean "output"?); line 1, column 42: there is no function "startWith" (did you mean "startsWith"?)
}
