// Command sql is a provider of chainrun: databases, PostgreSQL and SQLite, that a
// graph's nodes may ask within their grants. README.md shows how it is used.
package main

import (
	"github.com/chainrun/chainrun/plugins/sql/database"
	"github.com/chainrun/chainrun/sdk/provider"
)

func main() { provider.Serve(database.New()) }
