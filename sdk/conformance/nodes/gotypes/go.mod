module github.com/chainrun/chainrun/sdk/conformance/nodes/gotypes

go 1.24

require github.com/chainrun/chainrun/sdk/go v0.0.0

replace github.com/chainrun/chainrun/sdk/go => ../../../go
