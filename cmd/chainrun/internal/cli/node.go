package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) nodeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "node",
		Short: "Tools for modules",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no command of `chainrun node`%s", args[0], suggestion(c, args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.nodeInspectCommand(), a.nodeDocCommand(), a.nodeManifestCommand())
	c.AddCommand(a.nodeNewCommand(), a.nodeBuildCommand(), a.nodePackCommand())
	c.AddCommand(a.nodeRunCommand(), a.nodeTestCommand(), a.nodeBenchCommand())
	return c
}
