package database

// What the capability says of itself.

import "github.com/chainrun/chainrun/host/capability"

// Bounds that no grant exceeds.
const (
	maxSQLBytes = 256 << 10
	maxArgs     = 10_000
	maxRows     = 1_000_000
	maxBytes    = 15 << 20 // an answer is a document, of 16 MiB at most
)

var description = capability.Description{
	Text: "asks a database, PostgreSQL or SQLite",
	Methods: []capability.Method{
		{Name: "query", Text: "reads rows; whatever the statement does is undone", Request: []byte(querySchema), Response: []byte(rowsSchema)},
		{Name: "exec", Text: "changes rows, where the grant says read_only = false", Request: []byte(execSchema), Response: []byte(changedSchema)},
	},
	Grant:  []byte(grantSchema),
	Config: []byte(configSchema),
}

const configSchema = `{
  "type": "object",
  "properties": {
    "driver": {"enum": ["postgres", "sqlite"]},
    "url": {"type": "string", "minLength": 1, "description": "a URL such as postgres://host/database, or the absolute path of a file of SQLite"},
    "max_open": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "connections at once, default 4"},
    "once": {"type": "boolean", "description": "exec does its work once for each idempotency key, in a table chainrun_calls"}
  },
  "required": ["driver", "url"],
  "additionalProperties": false
}`

const grantSchema = `{
  "type": "object",
  "properties": {
    "read_only": {"type": "boolean", "description": "default true: exec is refused"},
    "max_rows": {"type": "integer", "minimum": 1, "maximum": 1000000, "description": "of an answer, default 1000"},
    "max_bytes": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]{1,9}(KiB|MiB)$"}], "description": "of an answer's rows, default 4MiB, at most 15MiB"},
    "timeout": {"type": "string", "description": "of one call, such as 500ms or 10s, which is the default"},
    "statements": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}, "description": "the only statements, word for word"}
  }
}`

const (
	statementProperties = `"sql": {"type": "string", "minLength": 1, "maxLength": 262144},
    "args": {"type": "array", "maxItems": 10000}`
	columnsAndRows = `"columns": {"type": "array", "items": {
      "type": "object",
      "properties": {"name": {"type": "string"}, "type": {"type": "string"}},
      "required": ["name", "type"]
    }},
    "rows": {"type": "array", "items": {"type": "array"}}`

	querySchema = `{
  "type": "object",
  "properties": {` + statementProperties + `, "max_rows": {"type": "integer", "minimum": 1}},
  "required": ["sql"],
  "additionalProperties": false
}`
	execSchema = `{
  "type": "object",
  "properties": {` + statementProperties + `},
  "required": ["sql"],
  "additionalProperties": false
}`
	rowsSchema = `{
  "type": "object",
  "properties": {` + columnsAndRows + `, "truncated": {"type": "boolean"}},
  "required": ["columns", "rows", "truncated"]
}`
	changedSchema = `{
  "type": "object",
  "properties": {"rows_affected": {"type": "integer", "minimum": 0}, ` + columnsAndRows + `},
  "required": ["rows_affected"]
}`
)
