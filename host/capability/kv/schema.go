package kv

// What kv may be asked, and what it answers, as JSON Schemas.

const (
	keySchema = `{"type":"string","minLength":1,"maxLength":512}`

	grantSchema = `{"type":"object","additionalProperties":false,"properties":{
		"keys":{"type":"array","minItems":1,"maxItems":100,"items":{"type":"string","minLength":1,"maxLength":513},
			"description":"the keys that may be read and written; a \"*\" at the end stands for any rest; default: all"},
		"read_only":{"type":"boolean","description":"nothing may be written; default: false"}}}`

	configSchema = `{"type":"object","additionalProperties":false,"properties":{
		"space":{"type":"string","minLength":1,"maxLength":512,"description":"where the keys stand; default: the graph's name"},
		"max_bytes":{"type":["integer","string"],"minimum":1,"description":"of keys and values in the space, as in \"64MiB\"; default: 64MiB"},
		"max_keys":{"type":"integer","minimum":1,"description":"in the space; default: 100000"}}}`
)

// The methods that more than this table speaks of.
const (
	getMethod    = "get"
	setMethod    = "set"
	deleteMethod = "delete"
	addMethod    = "add"
	listMethod   = "list"
)

var methods = []struct{ name, text, request, response string }{
	{
		getMethod, "the value of a key",
		`{"type":"object","additionalProperties":false,"required":["key"],"properties":{"key":` + keySchema + `}}`,
		`{"type":"object","additionalProperties":false,"required":["found"],"properties":{
			"found":{"type":"boolean"},"value":{"description":"where it was found"}}}`,
	},
	{
		setMethod, "stores a value under a key",
		`{"type":"object","additionalProperties":false,"required":["key","value"],"properties":{"key":` + keySchema + `,"value":{}}}`,
		`{"type":"object","additionalProperties":false}`,
	},
	{
		deleteMethod, "deletes a key; deleted says whether it was there",
		`{"type":"object","additionalProperties":false,"required":["key"],"properties":{"key":` + keySchema + `}}`,
		`{"type":"object","additionalProperties":false,"required":["deleted"],"properties":{"deleted":{"type":"boolean"}}}`,
	},
	{
		addMethod, "adds to a number, exactly; a key that is not there counts as 0",
		`{"type":"object","additionalProperties":false,"required":["key","by"],"properties":{"key":` + keySchema + `,"by":{"type":"number"}}}`,
		`{"type":"object","additionalProperties":false,"required":["value"],"properties":{"value":{"type":"number"}}}`,
	},
	{
		listMethod, "keys and their values, sorted by the bytes of the key; to read on where there are more, pass the last key as after",
		`{"type":"object","additionalProperties":false,"properties":{
			"prefix":{"type":"string","maxLength":512,"description":"what the keys begin with; default: all"},
			"after":{"type":"string","maxLength":512,"description":"keys greater than this one; default: from the first"},
			"limit":{"type":"integer","minimum":1,"maximum":1000,"description":"default: 100"},
			"values":{"type":"boolean","description":"false: the keys alone; default: true"}}}`,
		`{"type":"object","additionalProperties":false,"required":["entries","more"],"properties":{
			"entries":{"type":"array","maxItems":1000,"items":{"type":"object","additionalProperties":false,"required":["key"],"properties":{
				"key":{"type":"string"},"value":{}}}},
			"more":{"type":"boolean","description":"there are further keys"}}}`,
	},
}
