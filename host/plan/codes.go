package plan

// The codes of diagnostics about modules and of the prover, beside those of
// package graph. Stable; docs/errors.md explains each.
const (
	CodeModuleReference   = "module_reference"   // a `module` value that names nothing
	CodeModuleNotFound    = "module_not_found"   // no such file
	CodeModuleUnreadable  = "module_unreadable"  // a file that is there and cannot be read
	CodeInvalidModule     = "invalid_module"     // no WebAssembly, or WebAssembly that breaks its own rules
	CodeUnsupportedModule = "unsupported_module" // no known ABI, or imports that nobody offers
	CodeInvalidManifest   = "invalid_manifest"   // a manifest that cannot be used
	CodeModuleDigest      = "module_digest"      // another file than the one that the graph pins
	CodeUnknownEntry      = "unknown_entry"      // an `entry` that the module does not have
	CodeInvalidConfig     = "invalid_config"     // a config that breaks the manifest's schema
	CodeMissingGrant      = "missing_grant"      // a capability that a module needs and its node has not
	CodeUnknownCapability = "unknown_capability" // a capability that the host does not offer
	CodeInvalidSettings   = "invalid_settings"   // a [capabilities.NAME] that the capability cannot use
	CodeInvalidGrant      = "invalid_grant"      // a grant that the capability cannot honour
	CodeUnknownMethod     = "unknown_method"     // a method that the capability does not have
	CodeSuperfluousGrant  = "superfluous_grant"  // a warning: a grant that the module cannot use, or does not ask for
	CodeUnusedCapability  = "unused_capability"  // a warning: set and granted to no node
	CodeUnknownSecret     = "unknown_secret"     // a reference to a secret that is not declared, or that is malformed
	CodeExposedSecret     = "exposed_secret"     // a reference to a secret where a node would see it
	CodeUnusedSecret      = "unused_secret"      // a warning: declared, and nothing refers to it
	CodeIncompatibleWire  = "incompatible_wire"  // no document that can come can be taken
	CodeTypeError         = "type_error"         // an expression that fails for every document
	CodeEndlessLoop       = "endless_loop"       // a warning: every turn is followed by another
)

// DiagnosticCodes lists every code that this package gives and package graph
// does not, in the order of the documentation.
func DiagnosticCodes() []string {
	return []string{
		CodeModuleReference, CodeModuleNotFound, CodeModuleUnreadable, CodeInvalidModule, CodeUnsupportedModule,
		CodeInvalidManifest, CodeModuleDigest, CodeUnknownEntry, CodeInvalidConfig,
		CodeMissingGrant, CodeUnknownCapability, CodeInvalidSettings, CodeInvalidGrant, CodeUnknownMethod,
		CodeSuperfluousGrant, CodeUnusedCapability, CodeUnknownSecret, CodeExposedSecret, CodeUnusedSecret,
		CodeIncompatibleWire, CodeTypeError, CodeEndlessLoop,
	}
}
