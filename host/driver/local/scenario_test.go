package local_test

import (
	"testing"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/drivertest"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/journal"
)

func TestScenarios(t *testing.T) {
	for name, wrap := range map[string]func(journal.Journal) journal.Journal{
		"prompt":     func(j journal.Journal) journal.Journal { return j },
		"overlapped": func(j journal.Journal) journal.Journal { return &slow{Journal: j} },
	} {
		t.Run(name, func(t *testing.T) {
			drivertest.Run(t, func(_ *testing.T, v driver.Invoker, j journal.Journal) driver.Driver {
				return local.New(local.Config{Invoker: v, Journal: wrap(j), Parallel: 8})
			})
		})
	}
}
