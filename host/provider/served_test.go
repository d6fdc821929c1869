package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chainrun/chainrun/host/capability"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/sdk/provider"
	"github.com/chainrun/chainrun/sdk/provider/protocol"
)

// TestMain makes the test binary the providers of the tests as well, good and
// bad ones: they are it, started with the arguments "serve KIND".
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "serve":
		serve(os.Args[2])
	case len(os.Args) > 2 && os.Args[1] == "host":
		hostOfProviders(os.Args[2])
	default:
		// The race detector lets each process sleep a second at its end.
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
}

// freeze stops the process, where tests do that.
var freeze = func() {}

func serve(kind string) {
	switch kind {
	case "good":
		provider.Serve(&good{state: &state{release: make(chan struct{})}})
	case "bad":
		serveRaw(protocol.Version, &bad{})
	case "version":
		serveRaw(7, &bad{})
	case "refuses":
		serveRaw(protocol.Version, &refuses{})
	case "hangs in describe":
		serveRaw(protocol.Version, &hangs{})
	case "dies in describe":
		serveRaw(protocol.Version, &dies{})
	case "describes wrongly":
		serveRaw(protocol.Version, &wrong{})
	case "exits":
		fmt.Fprintln(os.Stderr, "no licence\x1b[31m found")
		os.Exit(3)
	case "silent":
		select {}
	case "garbage":
		fmt.Println("Hello, I am a web server.")
		select {}
	case "endless garbage":
		for {
			fmt.Print(strings.Repeat("x", 1<<16))
		}
	case "netrpc":
		fmt.Println("1|1|unix|/nowhere|netrpc|" + certificate())
		select {}
	case "no certificate":
		fmt.Printf("1|%d|unix|%s|grpc\n", protocol.Version, listen())
		select {}
	case "no real one":
		fmt.Printf("1|%d|unix|%s|grpc|%s\n", protocol.Version, listen(), base64.RawStdEncoding.EncodeToString(make([]byte, 60)))
		select {}
	case "deaf": // says hello, but never speaks TLS
		fmt.Printf("1|%d|unix|%s|grpc|%s\n", protocol.Version, listen(), certificate())
		select {}
	case "suite":
		provider.Serve(suite())
	case "opener":
		provider.Serve(opener{})
	case "no methods":
		provider.Serve(capability.New("nothing"))
	case "elsewhere":
		fmt.Printf("1|%d|tcp|192.0.2.1:80|grpc|%s\n", protocol.Version, strings.Repeat("A", 60))
		select {}
	}
}

func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// suite is what capabilitytest asks.
func suite() capability.Capability {
	type text struct {
		Text string `json:"text"`
	}
	return capability.New("for the suite",
		capability.Handle("echo", "says the same", func(_ context.Context, in text) (text, error) { return in, nil }),
		capability.Handle("refuse", "refuses all but tea", func(ctx context.Context, in text) (text, error) {
			switch in.Text {
			case "tea":
				return in, nil
			case "busy":
				return in, &capability.Error{Reason: "busy", Message: "come again", Retryable: true, RetryAfter: time.Second}
			default:
				return in, &capability.Error{Reason: "not_tea", Message: "it is not tea", Denied: true, Retryable: true}
			}
		}),
		capability.Handle("sleep", "sleeps as long as it is let", func(ctx context.Context, in text) (text, error) {
			if in.Text == "long" {
				<-ctx.Done()
			}
			return in, ctx.Err()
		}))
}

type opener struct{ *capability.Functions }

func (opener) Open(context.Context, capability.Caller) (capability.Session, error) {
	return nil, errors.ErrUnsupported
}

// listen accepts connections and leaves them alone.
func listen() string {
	path := filepath.Join(os.Getenv(plugin.EnvUnixSocketDir), "deaf")
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	return path
}

// good answers as it should, and does what a test asks it to.
type good struct {
	config string
	*state
}

type state struct {
	release  chan struct{}
	once     sync.Once
	canceled atomic.Int64
}

func (*good) Describe() capability.Description {
	d := capability.Description{
		Text:   "texts",
		Config: []byte(`{"type":"object","properties":{"url":{"type":"string"}},"additionalProperties":false}`),
		Grant:  []byte(`{"type":"object","properties":{"words":{"type":"integer","minimum":1},"key":{"type":"string"}},"additionalProperties":false}`),
	}
	for _, name := range []string{
		"echo", "config", "grant", "secret", "fail", "odd", "partials", "block", "canceled", "late", "release",
		"crash", "freeze", "huge", "endless", "spawn", "environment", "directory", "executable", "pid", "write", "caller",
	} {
		d.Methods = append(d.Methods, capability.Method{Name: name})
	}
	return d
}

func (g *good) Configure(_ string, settings document.Document) (capability.Capability, error) {
	if strings.Contains(settings.String(), "refuse") {
		return nil, errors.New("this url is refused")
	}
	return &good{config: settings.String(), state: g.state}, nil
}

// Close leaves a sign of itself where the config says so.
func (g *good) Close() error {
	if _, path, ok := strings.Cut(g.config, `file:`); ok {
		return os.WriteFile(strings.TrimRight(path, `"}`), nil, 0o600)
	}
	return nil
}

func (g *good) CheckGrant(grant document.Document) capability.Problems {
	if strings.Contains(grant.String(), "13") {
		return capability.Problems{{Pointer: "/words", Text: "13 is not lucky", Hint: "write 12"}}
	}
	return nil
}

//nolint:gocyclo // a list
func (g *good) Call(ctx context.Context, c capability.Call) (capability.Answer, error) {
	text := func(s string) (capability.Answer, error) {
		return capability.Answer{Document: document.String(s)}, nil
	}
	switch c.Method {
	case "echo":
		return capability.Answer{Document: c.Request, Usage: capability.Usage{InputTokens: 1, OutputTokens: 2, Cost: 3}}, nil
	case "config":
		return text(g.config)
	case "grant":
		return capability.Answer{Document: c.Grant}, nil
	case "caller":
		return text(fmt.Sprintf("%+v %+v %s", c.Caller, c.Left, c.Key))
	case "fail":
		return capability.Answer{}, &capability.Error{
			Reason: "busy", Message: "come\nagain", Retryable: true, RetryAfter: 1500e6, Usage: capability.Usage{Cost: 7},
		}
	case "odd":
		return capability.Answer{}, errors.New("something odd")
	case "partials":
		for i := range 3 {
			c.Partial(document.Int(int64(i)))
		}
		return text("done")
	case "block":
		c.Partial(document.String("begun"))
		<-ctx.Done()
		g.canceled.Add(1)
		return capability.Answer{}, ctx.Err()
	case "canceled":
		return capability.Answer{Document: document.Int(g.canceled.Load())}, nil
	case "late":
		c.Partial(document.String("begun"))
		<-g.release
		return text("late")
	case "release":
		g.once.Do(func() { close(g.release) })
		return text("released")
	case "crash":
		c.Partial(document.String("begun"))
		fmt.Fprintln(os.Stderr, "I am about to die")
		panic("dead")
	case "freeze":
		freeze()
		<-ctx.Done() // this thread may still run a while
		return text("awake")
	case "huge":
		return text(strings.Repeat("x", protocol.MaxMessageBytes))
	case "endless":
		for ctx.Err() == nil {
			c.Partial(document.String("more"))
		}
		return text("at last")
	case "spawn": // a child of the provider's own, that holds its streams
		child := exec.Command("sleep", "600")
		child.Stdout, child.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
		if err := child.Start(); err != nil {
			return capability.Answer{}, err
		}
		return capability.Answer{Document: document.Int(int64(child.Process.Pid))}, nil
	case "environment":
		return text(strings.Join(os.Environ(), "\n"))
	case "directory":
		dir, err := os.Getwd()
		if err != nil {
			return capability.Answer{}, err
		}
		return text(dir)
	case "executable":
		path, err := os.Readlink("/proc/self/exe")
		if err != nil {
			return capability.Answer{}, err
		}
		return text(path)
	case "pid":
		return text(strconv.Itoa(os.Getpid()))
	case "write":
		var s string
		v, _ := c.Request.Value()
		s, _ = v.(string)
		fmt.Fprint(os.Stderr, s)
		return text("written")
	}
	return capability.Answer{}, errors.New("no such method")
}

// serveRaw serves the protocol without the SDK.
func serveRaw(version int, s protocol.ProviderServer) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{version: {protocol.Name: raw{server: s}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxSendMsgSize(1<<30), grpc.MaxRecvMsgSize(1<<30))...)
		},
	})
}

type raw struct {
	plugin.NetRPCUnsupportedPlugin
	server protocol.ProviderServer
}

func (r raw) GRPCServer(_ *plugin.GRPCBroker, g *grpc.Server) error {
	protocol.RegisterProviderServer(g, r.server)
	return nil
}

func (raw) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

type hangs struct {
	protocol.UnimplementedProviderServer
}

func (hangs) Describe(ctx context.Context, _ *protocol.DescribeRequest) (*protocol.Description, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

type dies struct {
	protocol.UnimplementedProviderServer
}

func (dies) Describe(context.Context, *protocol.DescribeRequest) (*protocol.Description, error) {
	os.Exit(9)
	return nil, nil
}

type refuses struct {
	protocol.UnimplementedProviderServer
}

type wrong struct {
	protocol.UnimplementedProviderServer
}

func (wrong) Describe(context.Context, *protocol.DescribeRequest) (*protocol.Description, error) {
	return &protocol.Description{Methods: []*protocol.Method{{Name: "a", RequestSchema: []byte(`{"type":`)}}}, nil
}

// bad breaks the protocol, as the method says.
type bad struct {
	protocol.UnimplementedProviderServer
}

var badCalls = map[string]func(send func(*protocol.CallEvent)) error{
	"not JSON":      func(send func(*protocol.CallEvent)) error { send(answerEvent(`{"a":`)); return nil },
	"two documents": func(send func(*protocol.CallEvent)) error { send(answerEvent(`1 2`)); return nil },
	"invalid UTF-8": func(send func(*protocol.CallEvent)) error { send(answerEvent("\"\xff\"")); return nil },
	"too deep": func(send func(*protocol.CallEvent)) error {
		send(answerEvent(strings.Repeat("[", 100_000)))
		return nil
	},
	"nothing": func(func(*protocol.CallEvent)) error { return nil },
	"two answers": func(send func(*protocol.CallEvent)) error {
		send(answerEvent(`1`))
		send(answerEvent(`2`))
		return nil
	},
	"empty event": func(send func(*protocol.CallEvent)) error { send(&protocol.CallEvent{}); return nil },
	"partial that is not JSON": func(send func(*protocol.CallEvent)) error {
		send(&protocol.CallEvent{Event: &protocol.CallEvent_Partial{Partial: []byte("x")}})
		return nil
	},
	"negative usage": func(send func(*protocol.CallEvent)) error {
		send(&protocol.CallEvent{Event: &protocol.CallEvent_Answer{Answer: &protocol.Answer{Document: []byte("1"), Usage: &protocol.Usage{Cost: -1}}}})
		return nil
	},
	"negative usage of a failure": func(send func(*protocol.CallEvent)) error {
		send(failureEvent(&protocol.Failure{Usage: &protocol.Usage{InputTokens: -1}}))
		return nil
	},
	"odd reason": func(send func(*protocol.CallEvent)) error {
		send(failureEvent(&protocol.Failure{Reason: "Who knows?"}))
		return nil
	},
	"endless wait": func(send func(*protocol.CallEvent)) error {
		send(failureEvent(&protocol.Failure{Reason: "wait", Retryable: true, RetryAfterMs: 1 << 62, Message: strings.Repeat("m", 1<<20)}))
		return nil
	},
	"large document": func(send func(*protocol.CallEvent)) error {
		send(answerEvent(`"` + strings.Repeat("x", document.DefaultBytes) + `"`))
		return nil
	},
	"large message": func(send func(*protocol.CallEvent)) error {
		send(answerEvent(`"` + strings.Repeat("x", protocol.MaxMessageBytes) + `"`))
		return nil
	},
	"internal":          func(func(*protocol.CallEvent)) error { return status.Error(codes.Internal, "oh\nno") },
	"unavailable":       func(func(*protocol.CallEvent)) error { return status.Error(codes.Unavailable, "later") },
	"invalid argument":  func(func(*protocol.CallEvent)) error { return status.Error(codes.InvalidArgument, "what?") },
	"deadline exceeded": func(func(*protocol.CallEvent)) error { return status.Error(codes.DeadlineExceeded, "too late") },
	"fine":              func(send func(*protocol.CallEvent)) error { send(answerEvent(`1`)); return nil },
	"an error after the answer": func(send func(*protocol.CallEvent)) error {
		send(answerEvent(`1`))
		return status.Error(codes.Internal, "too late")
	},
}

func answerEvent(doc string) *protocol.CallEvent {
	return &protocol.CallEvent{Event: &protocol.CallEvent_Answer{Answer: &protocol.Answer{Document: []byte(doc)}}}
}

func failureEvent(f *protocol.Failure) *protocol.CallEvent {
	return &protocol.CallEvent{Event: &protocol.CallEvent_Failure{Failure: f}}
}

func (*bad) Describe(context.Context, *protocol.DescribeRequest) (*protocol.Description, error) {
	return &protocol.Description{Methods: []*protocol.Method{{Name: "do"}}}, nil
}

func (*bad) Call(r *protocol.CallRequest, stream grpc.ServerStreamingServer[protocol.CallEvent]) error {
	return badCalls[strings.Trim(string(r.GetRequest()), `"`)](func(e *protocol.CallEvent) { _ = stream.Send(e) })
}

// hostOfProviders is a host that is killed by TestKilledHost.
func hostOfProviders(kind string) {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p := New(Options{Allow: func(string) (Program, bool) { return Program{Path: path, Args: []string{"serve", "good"}}, true }})
	c, err := p.Configure("db", document.MustParse(`{"provider":"good"}`))
	if err != nil {
		panic(err)
	}
	for _, method := range []string{"pid", "spawn", "directory"} {
		a, err := ask(context.Background(), c, method, "")
		if err != nil {
			panic(err)
		}
		fmt.Println(strings.Trim(a.Document.String(), `"`))
	}
	if kind == "frozen" { // a provider that cannot do anything about its end
		go func() { _, _ = ask(context.Background(), c, "freeze", "") }()
	}
	select {}
}
