package local_test

import (
	"testing"

	"github.com/chainrun/chainrun/host/driver"
	"github.com/chainrun/chainrun/host/driver/drivertest"
	"github.com/chainrun/chainrun/host/driver/local"
	"github.com/chainrun/chainrun/host/journal"
)

func TestScenarios(t *testing.T) {
	drivertest.Run(t, func(_ *testing.T, v driver.Invoker, j journal.Journal) driver.Driver {
		return local.New(local.Config{Invoker: v, Journal: j, Parallel: 8})
	})
}
