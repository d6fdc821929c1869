package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/chainrun/chainrun/host/journal/sqlite"
)

// verifyCommand looks for what the disk has changed.
func (a *app) verifyCommand() *cobra.Command {
	var store string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read the whole store, and name everything that is not what was stored",
		Long: `Reads the whole store and names everything in it that is not what was stored. What
it does not name can be read as before. Exit code 1 if something was found.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return a.verify(store) },
	}
	addStoreFlag(c, &store)
	return c
}

// corruption is what `runs verify --json` prints for each finding.
type corruption struct {
	Run   string `json:"run,omitempty"`
	Event uint64 `json:"event,omitempty"`
	What  string `json:"what"`
	Found string `json:"found"`
}

func (a *app) verify(path string) error {
	ctx, stop := interruptible()
	defer stop()
	found := []corruption{}
	report := func(e *sqlite.CorruptError) {
		found = append(found, corruption{Run: e.Run, Event: e.Seq, What: e.What, Found: e.Err.Error()})
		if !a.json {
			fmt.Fprintln(a.Out, indented(e.Error()))
		}
	}
	s, err := a.readStore(ctx, path)
	if e, ok := errors.AsType[*sqlite.CorruptError](err); ok { // nothing more of it can be read
		report(e)
		err = nil
	} else if err == nil {
		defer a.closeStore(s)
		err = s.Verify(ctx, report)
	}
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(struct {
			Corrupt []corruption `json:"corrupt"`
		}{found})
	}
	if len(found) > 0 {
		if !a.json {
			fmt.Fprintf(a.Err, "chainrun: found %s\n", count(len(found), "corruption"))
		}
		return said(exitFailed)
	}
	if !a.json {
		fmt.Fprintln(a.Err, "all is as it was stored")
	}
	return nil
}
