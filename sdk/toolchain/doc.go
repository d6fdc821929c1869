// What the package is, and how a language is added.

// Package toolchain makes projects for nodes and builds them, with the compilers
// that are installed: [New] writes a project for a [Language], [Detect] tells by a
// project's files which language it is in, [Language.Build] makes one .wasm of it.
//
// A compiler that is missing is a [*MissingError], which names the packages to
// install. A compiler that complains is a [*ToolError], with what it said.
//
// A language is one file here, LANG.go, with its [Language] (listed in
// language.go), and one folder templates/LANG with the files of a new project.
// There a file NAME.tmpl becomes NAME by text/template, where {{.Name}} is the
// project's name, {{.Identifier}} the same with underscores for hyphens, and
// {{.Language}} the name of the language; every other file is copied as it is. The
// sources of its SDK are named in Language.sources and come from package sdk. Each
// template has a cases.toml for `chainrun node test`, a README.md and a .gitignore.
package toolchain
