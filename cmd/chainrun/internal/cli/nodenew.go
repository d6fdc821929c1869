// chainrun node new: a project for a node.

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/sdk/toolchain"
)

func (a *app) nodeNewCommand() *cobra.Command {
	var lang string
	c := &cobra.Command{
		Use:   "new --lang LANG NAME",
		Short: "Start a node in a folder of its own",
		Long: `Writes a working node to the new folder NAME: its source, the SDK that it is
built with, test cases and a README. Nothing that is there is overwritten.

Languages: ` + strings.Join(toolchain.Names(), ", ") + ".",
		Example: "  chainrun node new --lang go hello && cd hello && chainrun node build",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one name for the node, found %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(_ *cobra.Command, args []string) error { return a.newNode(lang, args[0]) },
	}
	c.Flags().StringVar(&lang, "lang", "", "language of the node: "+strings.Join(toolchain.Names(), ", "))
	_ = c.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(toolchain.Names(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) newNode(lang, name string) error {
	if lang == "" {
		return usagef("--lang is missing: one of %s", strings.Join(toolchain.Names(), ", "))
	}
	l, err := toolchain.Find(lang)
	if err != nil {
		return usagef("--lang: %w", err)
	}
	if err := toolchain.CheckName(name); err != nil {
		return usagef("%w", err)
	}
	if err := toolchain.New(lang, name, name); errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already, and nothing is overwritten: choose another name", name)
	} else if err != nil {
		return err
	}
	if a.json {
		a.printJSON(struct {
			Name     string `json:"name"`
			Language string `json:"language"`
			Folder   string `json:"folder"`
		}{name, l.Name, name})
		return nil
	}
	fmt.Fprintf(a.Out, "%s/ is a node in %s. Next:\n\n", name, l.Title)
	for _, command := range []string{
		"cd " + name,
		l.Setup,
		"chainrun node build",
		"chainrun node run " + name + `.wasm --input '{"name": "Ada"}'`,
		"chainrun node test",
	} {
		if command != "" {
			fmt.Fprintln(a.Out, "    "+command)
		}
	}
	return nil
}
