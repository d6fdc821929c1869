// AssemblyScript, by asc, which npm installs into the project.

package toolchain

import (
	"context"
	"path/filepath"
	"slices"
)

var assemblyscript = &Language{
	Name:  "assemblyscript",
	Title: "AssemblyScript",
	Setup: "npm install",
	detect: func(dir string, files []string) bool {
		return slices.Contains(files, "asconfig.json") ||
			slices.Contains(files, "package.json") && mentions(dir, "package.json", `"assemblyscript"`)
	},
	sources: []source{
		{"assemblyscript/chainrun.ts", "chainrun/chainrun.ts"},
		{"assemblyscript/transform.mjs", "chainrun/transform.mjs"},
	},
	build: func(ctx context.Context, p *project) error {
		node, ok := find("node", "nodejs")
		if !ok {
			return &MissingError{
				Language: "AssemblyScript", Tool: "Node.js, 20 or later, with npm",
				Install: []string{"apt-get install nodejs npm", "https://nodejs.org"},
			}
		}
		asc := filepath.Join("node_modules", "assemblyscript", "bin", "asc.js")
		if !isFile(filepath.Join(p.dir, asc)) {
			return &MissingError{
				Language: "AssemblyScript", Tool: "its compiler, asc",
				Install: []string{"npm install (in the project's folder; it installs the package assemblyscript)"},
			}
		}
		// asconfig.json has the rest; a transform in a folder is not found from there.
		return p.run(ctx, nil, node, asc, "index.ts", "--transform", "./chainrun/transform.mjs", "--outFile", p.out)
	},
}
