// The node as a process: a WASI command under chainrun, or a native program.

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Main runs the node once, from standard input to standard output, and exits: 0
// when there is an output, else 1 with the failure on standard error (a
// command's failure has no retryable flag). CHAINRUN_CONFIG and CHAINRUN_FEEDBACK
// hold config and feedback as JSON, CHAINRUN_ENTRY may name one of [HandleEntry].
// With the argument --manifest it prints the node's [Manifest] instead. In a reactor
// main, and so Main, never runs.
func Main() {
	if err := mainly(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", asError(err).Code, err)
		os.Exit(1)
	}
}

func mainly(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 || args[0] != "--manifest" {
		return serve(context.Background(), os.Getenv("CHAINRUN_ENTRY"), in, out)
	}
	manifest, err := describe()
	if err != nil {
		return err
	}
	if _, err := out.Write(append(manifest, '\n')); err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	return nil
}

func serve(ctx context.Context, entry string, in io.Reader, out io.Writer) error {
	input, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	output, err := run(ctx, entry, input)
	if err != nil {
		return err
	}
	if _, err := out.Write(output); err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	return nil
}

// process is the host of a command and of a native program.
type process struct{}

// Call implements [Host].
func (process) Call(capability, method string, payload []byte) ([]byte, error) {
	if capability == "node" {
		switch method {
		case "config":
			return []byte(os.Getenv("CHAINRUN_CONFIG")), nil
		case "feedback":
			return []byte(os.Getenv("CHAINRUN_FEEDBACK")), nil
		case "log":
			_, err := io.WriteString(os.Stderr, logLine(payload))
			return nil, err
		}
	}
	return nil, &CallError{
		Code: "capability_denied", Capability: capability, Method: method,
		Message: "a command cannot ask for capabilities: build the node as a reactor (-buildmode=c-shared)",
	}
}

// logLine makes a line for people of a log record.
func logLine(payload []byte) string {
	var record struct {
		Level, Message string
		Attrs          json.RawMessage
	}
	if err := json.Unmarshal(payload, &record); err != nil {
		return string(payload) + "\n"
	}
	line := strings.ToUpper(record.Level) + " " + record.Message
	if len(record.Attrs) > 0 {
		line += " " + string(record.Attrs)
	}
	return line + "\n"
}
