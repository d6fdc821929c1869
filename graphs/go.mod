module github.com/chainrun/chainrun/graphs

go 1.24

require github.com/chainrun/chainrun/sdk/go v0.0.0

replace github.com/chainrun/chainrun/sdk/go => ../sdk/go
