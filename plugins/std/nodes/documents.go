package nodes

// Documents of which a node knows the kind and not the contents, so that a graph is
// told before it runs what does not fit.

import "encoding/json"

type (
	textOrList   json.RawMessage
	listOrObject json.RawMessage
	listOnly     json.RawMessage
)

// UnmarshalJSON implements json.Unmarshaler.
func (d *textOrList) UnmarshalJSON(b []byte) error { *d = append((*d)[:0], b...); return nil }

// MarshalJSON implements json.Marshaler.
func (d textOrList) MarshalJSON() ([]byte, error) { return d, nil }

// JSONSchema implements node.Schemer.
func (textOrList) JSONSchema() json.RawMessage { return json.RawMessage(`{"type":["string","array"]}`) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *listOrObject) UnmarshalJSON(b []byte) error { *d = append((*d)[:0], b...); return nil }

// JSONSchema implements node.Schemer.
func (listOrObject) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":["array","object"]}`)
}

// MarshalJSON implements json.Marshaler.
func (d listOnly) MarshalJSON() ([]byte, error) { return d, nil }

// JSONSchema implements node.Schemer.
func (listOnly) JSONSchema() json.RawMessage { return json.RawMessage(`{"type":"array"}`) }

// llmName and fetchName are the names of grants, of which the host knows that the node
// needs them.
type (
	llmName   string
	fetchName string
)

// JSONSchema implements node.Schemer.
func (llmName) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"string","default":"llm","chainrun:capability":"llm.chat"}`)
}

// JSONSchema implements node.Schemer.
func (fetchName) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"string","default":"fetch","chainrun:capability":"fetch.request"}`)
}
