package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// process is one life of a provider: started once, stopped once.
type process struct {
	name   string
	bounds bounds
	output *output
	run    *program
	client *plugin.Client
	conn   *grpc.ClientConn // once started
	rpc    protocol.ProviderClient

	ended    <-chan struct{} // closed when the process is gone and its output read
	buried   chan struct{}   // closed when the slot knows it
	once     sync.Once       // of stop
	stopped  context.Context //nolint:containedctx // its own: done when it is being stopped
	stopping context.CancelFunc
	closing  atomic.Bool // it is stopped although it lives

	mu       sync.Mutex
	checking bool // a health check goes on
	noChecks bool // there are to be no more
	checks   sync.WaitGroup
}

func newProcess(name string, b bounds, logger *slog.Logger) *process {
	p := &process{name: name, bounds: b, output: newOutput(logger), buried: make(chan struct{})}
	p.run = newProgram(p.output)
	p.ended = p.run.drained
	p.stopped, p.stopping = context.WithCancel(context.Background())
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocol.Version: {protocol.Name: connection{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			p.run.handshake, p.run.dir = cmd.Env, dir
			return p.run, nil
		},
		AutoMTLS:            true,
		SkipHostEnv:         true,
		StartTimeout:        b.start,
		Logger:              hclog.NewNullLogger(),
		PluginLogBufferSize: lineBytes,
		Stderr:              p.output.stream(),
		SyncStdout:          p.output.stream(),
		SyncStderr:          p.output.stream(),
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDisableRetry(),
			grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: b.start, Backoff: backoff.DefaultConfig}),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(b.answerBytes)),
		},
	})
	return p
}

// start starts the program and asks it what it offers.
func (p *process) start(o Program, pinned []string) (*protocol.Description, error) {
	file, err := openFile(p.name, o.Path, pinned)
	if err != nil {
		return nil, err
	}
	defer file.close()
	p.run.file, p.run.options = file, o
	session, err := p.client.Client()
	if err != nil {
		return nil, p.notStarted(err)
	}
	conn, err := session.Dispense(protocol.Name)
	if err != nil {
		return nil, p.notStarted(err)
	}
	p.conn = conn.(*grpc.ClientConn)
	p.rpc = protocol.NewProviderClient(p.conn)

	ctx, cancel := context.WithTimeout(p.stopped, p.bounds.start)
	defer cancel()
	d, err := p.rpc.Describe(ctx, &protocol.DescribeRequest{}, grpc.MaxCallRecvMsgSize(maxDescription))
	if err != nil {
		return nil, p.notDescribed(err)
	}
	return d, nil
}

const maxDescription = 4 << 20

// connection tells go-plugin to give the bare connection.
type connection struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer implements plugin.GRPCPlugin.
func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves nothing")
}

// GRPCClient implements plugin.GRPCPlugin.
func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

func (p *process) pid() int { return p.run.pid() }

// call asks and waits for the answer.
func (p *process) call(ctx context.Context, r *protocol.CallRequest, partial func(document.Document)) (capability.Answer, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.stopped, cancel)()
	stream, err := p.rpc.Call(inner, r)
	var a capability.Answer
	if err == nil {
		a, err = p.read(stream, cancel, partial)
	}
	var own *capability.Error
	if err == nil || errors.As(err, &own) {
		return a, err
	}
	if _, ok := status.FromError(err); !ok {
		return a, err // what the provider said without a reason
	}
	return a, p.broken(ctx, err)
}

// broken says what an error of the connection means.
func (p *process) broken(ctx context.Context, err error) error {
	code := status.Code(err)
	switch {
	case ctx.Err() != nil || code == codes.DeadlineExceeded:
		p.checkHealth()
		if errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return fmt.Errorf("calling provider %q: %w", p.name, context.Cause(ctx))
		}
		e := p.wrong("provider_timeout", "it gave no answer before the deadline")
		e.Retryable = true
		return e
	case p.closing.Load():
		return errClosed
	case code == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max"):
		return p.flood("it sent a message of more than %d bytes", p.bounds.answerBytes)
	case !p.cut(code):
		e := p.wrong("provider_error", "gRPC %s: %s", code, printable(status.Convert(err).Message(), maxMessage))
		e.Retryable = code == codes.Unavailable || code == codes.Aborted
		return e
	}
	// Either the process is gone, or soon, or it is of no use any more and has to
	// be.
	p.run.wait(p.bounds.grace / 4)
	if !p.gone() {
		p.run.kill("it broke the connection")
		<-p.ended
	}
	return p.obituary()
}

// cut reports whether the connection is gone. An error by the provider's own
// hand looks the same, but leaves the connection as it was.
func (p *process) cut(code codes.Code) bool {
	if code != codes.Unavailable {
		return p.gone()
	}
	ctx, cancel := context.WithTimeout(p.stopped, p.bounds.grace/20)
	defer cancel()
	return p.conn.WaitForStateChange(ctx, connectivity.Ready) || p.gone() || p.stopped.Err() != nil
}

func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// obituary says how the process ended.
func (p *process) obituary() error {
	e := p.wrong("provider_crashed", "%s%s", p.run.death(), p.output.last())
	e.Retryable = true
	return e
}

// checkHealth asks a process that let a call pass its end whether it still
// answers anything, and kills it if not: every call would wait in vain.
func (p *process) checkHealth() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checking || p.noChecks {
		return
	}
	p.checking = true
	p.checks.Go(func() {
		ctx, cancel := context.WithTimeout(p.stopped, p.bounds.ping)
		defer cancel()
		_, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
		if p.stopped.Err() == nil && (status.Code(err) == codes.DeadlineExceeded || status.Code(err) == codes.Unavailable) {
			p.run.kill(fmt.Sprintf("it did not answer a health check within %v", p.bounds.ping))
		}
		p.mu.Lock()
		p.checking = false
		p.mu.Unlock()
	})
}

// checkGrant asks the provider what is wrong with a grant.
func (p *process) checkGrant(ctx context.Context, name string, grant document.Document) capability.Problems {
	answer, err := p.rpc.CheckGrant(ctx, &protocol.CheckGrantRequest{Capability: name, Grant: grant.Bytes()})
	if status.Code(err) == codes.Unimplemented {
		return nil
	}
	if err != nil {
		return capability.Problems{{Text: fmt.Sprintf("provider %q could not check it: %s", p.name, printable(status.Convert(err).Message(), maxMessage))}}
	}
	var found capability.Problems
	for _, one := range answer.GetProblems() {
		found = append(found, capability.Problem{
			Pointer: one.GetPointer(), Text: printable(one.GetText(), maxMessage), Hint: printable(one.GetHint(), maxMessage),
		})
	}
	return found
}

// stop ends the process: first it is told so, by the protocol and by the end of
// its standard input, and after a grace period killed, with all that it started.
// It waits until that is done. Safe to call more than once and during start.
func (p *process) stop() {
	p.once.Do(func() {
		p.closing.Store(!p.gone())
		p.stopping()
		p.mu.Lock()
		p.noChecks = true
		p.mu.Unlock()
		p.run.bye()
		timer := time.AfterFunc(p.bounds.grace, func() { p.run.kill("") })
		p.client.Kill()
		timer.Stop()
		p.run.kill("")
		p.run.close()
		p.checks.Wait()
	})
}
