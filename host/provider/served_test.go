package provider

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider"
)

// TestMain makes the test binary the providers of the tests as well, good and
// bad ones: they are it, started with the arguments "serve KIND".
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "serve" {
		serve(os.Args[2])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "host" {
		hostOfProviders()
		return
	}
	os.Exit(m.Run())
}

func serve(kind string) {
	switch kind {
	case "good":
		provider.Serve(good{})
	}
}

// good answers as it is asked to, and does what a test asks it to.
type good struct{ config string }

type ask struct {
	Text string `json:"text"`
}

func (good) Describe() capability.Description {
	return capability.Description{
		Text: "texts",
		Methods: []capability.Method{
			{Name: "echo", Request: []byte(`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}`)},
			{Name: "config"},
		},
		Config: []byte(`{"type":"object","properties":{"url":{"type":"string"}},"additionalProperties":false}`),
		Grant:  []byte(`{"type":"object","properties":{"words":{"type":"integer"}},"additionalProperties":false}`),
	}
}

func (g good) Configure(_ string, settings document.Document) (capability.Capability, error) {
	return good{config: settings.String()}, nil
}

func (g good) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	switch c.Method {
	case "echo":
		return capability.Answer{Document: c.Request}, nil
	case "config":
		return capability.Answer{Document: document.String(g.config)}, nil
	}
	return capability.Answer{}, errors.New("no such method")
}

var _ = fmt.Sprint
var _ = bufio.NewReader
var _ = io.EOF
var _ = slog.Info
var _ = net.Dial
var _ = exec.Command
var _ = runtime.GOOS
var _ = strings.Cut
var _ = time.Now

func hostOfProviders() {}
