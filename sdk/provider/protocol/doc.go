// Package protocol is what chainrun and its providers say to each other:
// provider.proto, the Go code made from it, and the handshake. docs/providers.md
// explains it for other languages.
package protocol

import "github.com/hashicorp/go-plugin"

//go:generate go -C generate run . ..

// Version is the version of the protocol, which go-plugin negotiates before the
// first message.
const Version = 1

// Name is what go-plugin dispenses.
const Name = "provider"

// MaxMessageBytes bounds one message in either direction: a document of 16 MiB
// with what is around it.
const MaxMessageBytes = 24 << 20

// Handshake is what both sides must agree on. The cookie is no secret: it tells
// someone who starts a provider by hand that it is not meant for that.
var Handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "CHAINRUN_PROVIDER",
	MagicCookieValue: "chainrun.provider.v1",
}
