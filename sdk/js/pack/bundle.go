package pack

// From files to one script: esbuild, without a network, and without files from
// outside the script's project.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/evanw/esbuild/pkg/api"
)

// sourceBytes bounds all files of one script together.
const sourceBytes = 32 << 20

// bundleName is the bundle's name in the engine; stack traces name the sources.
const bundleName = "bundle.js"

// A bundle is a script without imports.
type bundle struct {
	source    []byte
	sourceMap []byte // {"file", "sources", "mappings"}
	warnings  []Diagnostic
}

// makeBundle bundles a script with what it imports.
func makeBundle(o Options) (*bundle, error) {
	script, err := filepath.Abs(o.Script)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", o.Script, err)
	}
	if err := readable(o.Script); err != nil {
		return nil, err
	}
	dir := filepath.Dir(script)
	root, err := filepath.EvalSymlinks(projectOf(dir))
	if err != nil {
		return nil, fmt.Errorf("finding the project of %s: %w", o.Script, err)
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:   []string{script},
		AbsWorkingDir: dir,
		Outfile:       filepath.Join(dir, bundleName), // not written
		Bundle:        true,
		Format:        api.FormatESModule,
		Platform:      api.PlatformNeutral,
		Target:        api.ES2024,
		// Of a package with a build for browsers that one is taken: it can do
		// without Node.js.
		MainFields:     []string{"browser", "module", "main"},
		Conditions:     []string{"chainrun", "browser", "module"},
		Define:         map[string]string{"process.env.NODE_ENV": `"production"`},
		Loader:         map[string]api.Loader{".txt": api.LoaderText, ".md": api.LoaderText},
		Charset:        api.CharsetUTF8,
		LegalComments:  api.LegalCommentsNone,
		Sourcemap:      api.SourceMapExternal,
		SourcesContent: api.SourcesContentExclude,
		LogLevel:       api.LogLevelSilent,
		LogLimit:       50,
		Plugins:        []api.Plugin{projectOnly(dir, root, o.Packages)},
	})
	here := filepath.Dir(o.Script)
	if len(result.Errors) > 0 {
		return nil, &ScriptError{Diagnostics: diagnostics(here, result.Errors)}
	}
	b := &bundle{warnings: diagnostics(here, result.Warnings)}
	for _, f := range result.OutputFiles {
		if !strings.HasSuffix(f.Path, ".map") {
			b.source = f.Contents
			continue
		}
		var m struct {
			File     string   `json:"file"`
			Sources  []string `json:"sources"`
			Mappings string   `json:"mappings"`
		}
		if err := json.Unmarshal(f.Contents, &m); err != nil {
			return nil, fmt.Errorf("reading the source map of %s: %w", o.Script, err)
		}
		m.File = bundleName
		if b.sourceMap, err = json.Marshal(m); err != nil {
			return nil, fmt.Errorf("writing the source map of %s: %w", o.Script, err)
		}
	}
	return b, nil
}

// readable says what is wrong with the file that was named, before esbuild says
// it in its own words.
func readable(script string) error {
	info, err := os.Stat(script)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name the script in it", script)
	case !slices.Contains([]string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"}, filepath.Ext(script)):
		return fmt.Errorf("%s is neither JavaScript nor TypeScript by its name: expected .js, .mjs, .ts or .mts", script)
	}
	return nil
}

// projectOf gives the folder that a script may import from: the nearest with a
// .git above it, or with a package.json, or its own.
func projectOf(dir string) string {
	for _, mark := range []string{".git", "package.json"} {
		for at := dir; ; at = filepath.Dir(at) {
			if _, err := os.Lstat(filepath.Join(at, mark)); err == nil {
				return at
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return dir
}

// ours is the module "chainrun", for whoever prefers imports to globals.
const ours = `export const node = globalThis[Symbol.for("chainrun.node")];
export const { NodeError, CallError } = globalThis;`

// absent stands for a module of Node.js that a package imports: an error for
// whoever uses it, and for nobody else.
const absent = `const fail = () => { throw new Error(%s); };
const quiet = ["__esModule", "default", "prototype", "then"];
const get = (_, name) => (typeof name === "symbol" || quiet.includes(name) ? undefined : fail());
const nothing = new Proxy({}, { get });
module.exports = new Proxy(function () {}, { get, getPrototypeOf: () => nothing, apply: fail, construct: fail });`

// projectOnly resolves "chainrun", refuses what is no file of the project root
// or nested too deep, and counts bytes. Places are told relative to dir.
func projectOnly(dir, root string, packages bool) api.Plugin {
	var total atomic.Int64
	refuse := func(text, hint string) api.Message {
		m := api.Message{Text: text}
		if hint != "" {
			m.Notes = []api.Note{{Text: hint}}
		}
		return m
	}
	return api.Plugin{Name: "chainrun", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			name := args.Path
			switch {
			case name == "chainrun":
				return api.OnResolveResult{Path: name, Namespace: "chainrun"}, nil
			case args.Kind == api.ResolveEntryPoint, strings.HasPrefix(name, "./"), strings.HasPrefix(name, "../"),
				name == ".", name == "..", filepath.IsAbs(name), strings.HasPrefix(name, "#"):
				return api.OnResolveResult{}, nil
			case strings.Contains(name, "://"), strings.HasPrefix(name, "data:"):
				return api.OnResolveResult{Errors: []api.Message{refuse(
					fmt.Sprintf("%q is an address: nothing is fetched when a node is packed", name), "keep a copy of the file in the project")}}, nil
			case (strings.HasPrefix(name, "node:") || isNodeBuiltin(name)) && inPackage(args.Importer):
				// Packages ask for more than they use.
				return api.OnResolveResult{Path: name, Namespace: "absent"}, nil
			case strings.HasPrefix(name, "node:") || isNodeBuiltin(name):
				return api.OnResolveResult{Errors: []api.Message{refuse(
					fmt.Sprintf("%q belongs to Node.js, which is not there", name),
					"a node reaches the world through node.call and what the graph grants it")}}, nil
			case !packages && !inPackage(args.Importer):
				return api.OnResolveResult{Errors: []api.Message{refuse(
					fmt.Sprintf("%q is a package of somebody else", name), "install it with npm, and pack with --bundle to take packages into the node")}}, nil
			}
			return api.OnResolveResult{}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "chainrun"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
			contents := ours
			return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "absent"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			contents := fmt.Sprintf(absent, strconv.Quote(args.Path+" belongs to Node.js, which is not there"))
			return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "file"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			real, err := filepath.EvalSymlinks(args.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			if !within(root, real) {
				return api.OnLoadResult{Errors: []api.Message{refuse(
					fmt.Sprintf("%s lies outside of the project %s", args.Path, root), "a script takes in only files of its own project")}}, nil
			}
			info, err := os.Stat(real)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			if !info.Mode().IsRegular() {
				return api.OnLoadResult{}, errors.New("this is no regular file")
			}
			if total.Add(info.Size()) > sourceBytes {
				return api.OnLoadResult{}, fmt.Errorf("the files of the script have more than %d bytes", sourceBytes)
			}
			source, err := os.ReadFile(real)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			if line, deep := nestedTooDeep(source); deep {
				m := refuse(fmt.Sprintf("the source is nested more than %d levels deep, or has as many operators in a row", nestingMax), "data belong in a JSON file or in a text")
				if name, err := filepath.Rel(dir, args.Path); err == nil {
					m.Location = &api.Location{File: name, Line: line}
				}
				return api.OnLoadResult{Errors: []api.Message{m}}, nil
			}
			return api.OnLoadResult{}, nil // esbuild reads it itself, for its loaders
		})
	}}
}

// inPackage tells whether a file belongs to somebody else's package.
func inPackage(file string) bool {
	return strings.Contains(filepath.ToSlash(file), "/node_modules/")
}

// within tells whether a file lies in a folder; both names are whole and free of
// links.
func within(folder, file string) bool {
	way, err := filepath.Rel(folder, file)
	return err == nil && way != ".." && !strings.HasPrefix(way, ".."+string(filepath.Separator))
}

// isNodeBuiltin knows the modules of Node.js that packages ask for most.
func isNodeBuiltin(name string) bool {
	name, _, _ = strings.Cut(name, "/")
	return slices.Contains([]string{
		"assert", "buffer", "child_process", "cluster", "crypto", "dns", "events", "fs", "http", "http2", "https", "module", "net", "os",
		"path", "perf_hooks", "process", "querystring", "readline", "stream", "string_decoder", "timers", "tls", "tty", "url", "util",
		"v8", "vm", "worker_threads", "zlib",
	}, name)
}
