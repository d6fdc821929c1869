module github.com/chainrun/chainrun/plugins/std

go 1.26.0

require (
	github.com/chainrun/chainrun/sdk/go v0.0.0
	github.com/itchyny/gojq v0.12.20
	github.com/santhosh-tekuri/jsonschema/v5 v5.3.1
	golang.org/x/net v0.62.0
)

require github.com/itchyny/timefmt-go v0.1.9 // indirect

replace github.com/chainrun/chainrun/sdk/go => ../../sdk/go
