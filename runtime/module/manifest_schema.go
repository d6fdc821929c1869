package module

// The schema that manifests are written against.

import _ "embed"

// ManifestSchema is the JSON Schema (draft 2020-12) of the manifest's JSON. It is stricter than [Module.Manifest]: it
// complains about unknown fields, which a reader ignores. Not to be modified.
//
//go:embed manifest.schema.json
var ManifestSchema []byte
