package provider

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// closing bounds what a provider does when its host is gone.
const closing = 2 * time.Second

// Serve answers the host's calls with c. It does not return: the process ends
// when the host ends it, and also when the host is gone without a word, which
// shows as the end of standard input. What the program writes to its standard
// error or output goes to the host's log.
//
// A program that was not started by a host says so and exits with status 2; one
// whose capability cannot be served does so with status 1.
func Serve(c capability.Capability) {
	program := filepath.Base(os.Args[0])
	if os.Getenv(protocol.Handshake.MagicCookieKey) != protocol.Handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "%s is a provider of chainrun and does nothing by itself.\nStart it with: chainrun GRAPH.toml --provider NAME=%s\n", program, os.Args[0])
		os.Exit(2)
	}
	s, err := newServer(c)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is the host's
		s.end()
		os.Exit(0)
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocol.Version: {protocol.Name: &served{server: s}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o,
				grpc.MaxRecvMsgSize(protocol.MaxMessageBytes),
				grpc.MaxSendMsgSize(protocol.MaxMessageBytes))...)
		},
		Logger: hclog.NewNullLogger(),
	})
	s.end()
	os.Exit(0)
}

// served registers the server with go-plugin.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	server *server
}

// GRPCServer implements plugin.GRPCPlugin.
func (p *served) GRPCServer(_ *plugin.GRPCBroker, g *grpc.Server) error {
	protocol.RegisterProviderServer(g, p.server)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin.
func (*served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, plugin.ErrProcessNotFound // the host has its own
}

// end closes what the calls used, but does not wait for it for ever.
func (s *server) end() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.instances.close(); err != nil {
			slog.Error("closing the capability", "error", err)
		}
	}()
	select {
	case <-done:
	case <-time.After(closing):
	}
}
