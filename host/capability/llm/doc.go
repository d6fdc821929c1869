// Package llm lets nodes ask language models: a [Capability] with the methods
// chat and embed, for every server that speaks OpenAI's API and for Anthropic's.
//
// Both APIs have one neutral shape, so that a node does not know which model
// answers. Endpoints, keys, prices and rates are settings of the graph or come
// from the environment; a node never sees them. What a node may ask is its grant.
//
// Whatever goes wrong ends as a [capability.Error] in the host's retry machinery:
// the clients' own retries are off. Of several endpoints the next is asked, in
// the same call, when one fails in a way that may pass.
//
// What a model wrote is handed on as text, malformed or not: the schemas of the
// graph decide, and the corrective loop repairs.
package llm
