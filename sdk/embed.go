// The SDKs' sources, as the binary carries them.

// Package sdk holds what a node is written with, one folder a language. This
// package itself is the SDKs' sources: a new project carries those that it is
// built with.
package sdk

import "embed"

// Sources has the files of the SDKs below the folders of their languages, such as
// c/chainrun.h, without tests and documentation. That for Go is a Go module of its
// own, which cannot be embedded from here; sdk/toolchain has a copy.
//
//go:embed assemblyscript/chainrun.ts assemblyscript/transform.mjs
//go:embed rust/Cargo.toml rust/src
//go:embed c/chainrun.h
//go:embed js/chainrun.d.ts
//go:embed zig/chainrun.zig
var Sources embed.FS
