// Package provider is a capability in another process: a program that chainrun
// starts, watches and asks over gRPC (hashicorp/go-plugin), written in any
// language. docs/providers.md has the protocol; sdk/provider is its other side.
//
// [New] gives the [Capability] to register under the name "provider". A graph
// makes of it the ones that its nodes use:
//
//	[capabilities.db]
//	kind = "provider"
//	provider = "sql"                # which program that is the operator decides
//	checksum = "sha256:…"           # of its file; a file with another one is not started
//	config = { url = "${secret:DB}" }
//
// The life of a process: it is started when the first graph that names it is
// loaded, asked what it offers, and shared by all graphs that name the same file
// with the same checksum. When it ends by itself it is started again by the next
// call, after an interval that grows. It ends with Close; and when this process
// is killed, the kernel, a guard and the provider itself each see to it.
//
// Reasons of the errors of a call:
//
//	provider_crashed         the process ended in the middle of the call; retryable
//	provider_unavailable     it could not be started, or is not started again yet; retryable
//	provider_timeout         no answer before the deadline; retryable
//	provider_flood           more than the bounds of an answer allow
//	provider_invalid_answer  what came is not an answer
//	provider_error           it refused the call by a status of gRPC
//	provider_request_too_large
//	provider_checksum        the file is not, or is no longer, the pinned one
//	provider_version         it speaks another version of the protocol
//
// and whatever the provider itself says.
package provider
