//go:build wasip1 && !chainrun_command

package main

import "github.com/chainrun/chainrun/sdk/go/node"

// The entries, by the names that follow std: in a graph.

//go:wasmexport chainrun_run_v1:csv
func runCsv(input, size uint32) uint64 { return node.RunEntry("csv", input, size) }

//go:wasmexport chainrun_run_v1:extract
func runExtract(input, size uint32) uint64 { return node.RunEntry("extract", input, size) }

//go:wasmexport chainrun_run_v1:html2text
func runHtml2text(input, size uint32) uint64 { return node.RunEntry("html2text", input, size) }

//go:wasmexport chainrun_run_v1:http
func runHttp(input, size uint32) uint64 { return node.RunEntry("http", input, size) }

//go:wasmexport chainrun_run_v1:jq
func runJq(input, size uint32) uint64 { return node.RunEntry("jq", input, size) }

//go:wasmexport chainrun_run_v1:merge
func runMerge(input, size uint32) uint64 { return node.RunEntry("merge", input, size) }

//go:wasmexport chainrun_run_v1:prompt
func runPrompt(input, size uint32) uint64 { return node.RunEntry("prompt", input, size) }

//go:wasmexport chainrun_run_v1:split
func runSplit(input, size uint32) uint64 { return node.RunEntry("split", input, size) }

//go:wasmexport chainrun_run_v1:template
func runTemplate(input, size uint32) uint64 { return node.RunEntry("template", input, size) }

//go:wasmexport chainrun_run_v1:validate
func runValidate(input, size uint32) uint64 { return node.RunEntry("validate", input, size) }
