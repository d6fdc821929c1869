package cli

// How a run that begins is named.

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/journal"
	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// idFlag is --id. A script that is started twice so runs once.
type idFlag string

func (id *idFlag) add(c *cobra.Command) {
	c.Flags().Var(id, "id", "the run's id, which no other may have: letters, digits, - and _ (default: one that sorts by time)")
}

// Set implements pflag.Value. An id that a script has forgotten to set is not none: the
// script would run twice.
func (id *idFlag) Set(text string) error {
	if text == "" {
		return errors.New("there is no id")
	}
	*id = idFlag(text)
	return nil
}

// String implements pflag.Value.
func (id *idFlag) String() string { return string(*id) }

// Type implements pflag.Value.
func (*idFlag) Type() string { return "string" }

// runID is what the operator may name a run: no file, and nothing for a shell.
var runID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$`) })

func (id idFlag) check() error {
	if id != "" && !runID().MatchString(string(id)) {
		return usagef("--id %q: expected at most 64 letters, digits, - and _, the first a letter or a digit", string(id))
	}
	return nil
}

// unused refuses the id of a run that is in the store.
func (id idFlag) unused(ctx context.Context, s store) error {
	kept, ok := s.(*sqlite.Store)
	if !ok || id == "" {
		return nil
	}
	run, err := kept.Run(ctx, string(id))
	switch {
	case errors.Is(err, journal.ErrUnknownRun):
		return nil
	case err != nil:
		return err
	case run.Status != "":
		return usagef("--id %s: there is a run of this id, it is %s", id, run.Status)
	}
	return usagef("--id %s: there is a run of this id, which has not ended: `chainrun resume %s`", id, id)
}

func (id idFlag) options() []host.RunOption {
	if id == "" {
		return nil
	}
	return []host.RunOption{host.WithRunID(string(id))}
}
