package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/runtime/meter"
	"github.com/chainrun/chainrun/runtime/sandbox"
)

// versions is what `version --json` prints.
type versions struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // the commit it was built from
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Wazero   string `json:"wazero"`
	FuelRule int    `json:"fuel_rule"`

	// With --verbose, of this machine:
	Engine string                `json:"engine,omitempty"` // what runs modules
	Images sandbox.ImageStrategy `json:"images,omitempty"` // how instances are set back
}

func (a *app) versionCommand() *cobra.Command {
	verbose := false
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what decides how modules run",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			v := a.versions()
			if verbose {
				if err := v.ofMachine(c.Context()); err != nil {
					return err
				}
			}
			if a.json {
				a.printJSON(v)
				return nil
			}
			fmt.Fprintf(a.Out, "chainrun %s (%s, %s, wazero %s, fuel rule %d)\n", v.Version, v.Go, v.Platform, v.Wazero, v.FuelRule)
			if verbose {
				fmt.Fprintf(a.Out, "engine: %s\nimages: %s\n", v.Engine, v.Images)
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "also what was chosen on this machine: the engine, and how instances are set back")
	return c
}

// ofMachine adds what is chosen where chainrun starts.
func (v *versions) ofMachine(ctx context.Context) error {
	engine, err := sandbox.New(ctx, sandbox.Config{})
	if err != nil {
		return fmt.Errorf("opening the sandbox: %w", err)
	}
	v.Engine, v.Images = engine.Name(), engine.ImageStrategy()
	if err := engine.Close(ctx); err != nil {
		return fmt.Errorf("closing the sandbox: %w", err)
	}
	return nil
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
