module github.com/chainrun/chainrun/sdk/go

go 1.24
