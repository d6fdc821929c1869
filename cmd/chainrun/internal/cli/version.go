package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/runtime/meter"
)

// versions is what `version --json` prints.
type versions struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // the commit it was built from
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Wazero   string `json:"wazero"`
	FuelRule int    `json:"fuel_rule"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what decides how modules run",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := a.versions()
			if a.json {
				a.printJSON(v)
				return nil
			}
			fmt.Fprintf(a.Out, "chainrun %s (%s, %s, wazero %s, fuel rule %d)\n", v.Version, v.Go, v.Platform, v.Wazero, v.FuelRule)
			return nil
		},
	}
}

func (a *app) versions() versions {
	v := versions{
		Version: a.version, Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Wazero: "unknown", FuelRule: meter.Version,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if v.Version == "" {
		v.Version = info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/tetratelabs/wazero" {
			v.Wazero = d.Version
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, found %q", c.CommandPath(), args[0])
	}
	return nil
}
