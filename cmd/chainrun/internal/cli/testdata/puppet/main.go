// Command puppet is the node of the command line's tests: a WASI program without
// any SDK that does what its config says, so that one small graph file shows one
// behaviour of the host.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type config struct {
	Do     string          `json:"do"`
	Output json.RawMessage `json:"output"`
	Key    string          `json:"key"`
	Text   string          `json:"text"`
	Code   int             `json:"code"`
	Times  int             `json:"times"`
}

func main() {
	var c config
	if text := os.Getenv("CHAINRUN_CONFIG"); text != "" {
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			panic(err)
		}
	}
	input, _ := io.ReadAll(os.Stdin)
	switch c.Do {
	case "", "echo":
		os.Stdout.Write(input)
	case "say": // a fixed output
		os.Stdout.Write(c.Output)
	case "print": // bytes that may be no JSON
		fmt.Print(c.Text)
	case "count": // adds one to a member
		var v map[string]any
		_ = json.Unmarshal(input, &v)
		n, _ := v[c.Key].(float64)
		v[c.Key] = n + 1
		_ = json.NewEncoder(os.Stdout).Encode(v)
	case "correct": // a wrong answer, unless feedback says why
		if feedback := os.Getenv("CHAINRUN_FEEDBACK"); feedback != "" {
			fmt.Printf(`{"answer":42,"feedback":%s}`, feedback)
		} else {
			fmt.Print(`{"answer":"forty-two"}`)
		}
	case "exit":
		fmt.Fprintln(os.Stderr, c.Text)
		os.Exit(c.Code)
	case "log":
		for range c.Times {
			fmt.Fprintln(os.Stderr, c.Text)
		}
		os.Stdout.Write(input)
	case "spin":
		for i := 0; ; i++ {
			if i < 0 {
				fmt.Println(i)
			}
		}
	case "recurse":
		fmt.Println(recurse(1))
	case "allocate":
		var held [][]byte
		for {
			held = append(held, make([]byte, 1<<20))
			held[len(held)-1][0] = 1
		}
	case "flood":
		line := strings.Repeat("x", 1<<16)
		for {
			fmt.Print(line)
		}
	case "nest":
		fmt.Print(strings.Repeat("[", c.Times) + strings.Repeat("]", c.Times))
	case "environment":
		out := map[string]any{"args": len(os.Args), "env": os.Environ()}
		_, out["open"] = errorText(os.Open("/etc/passwd"))
		_, out["create"] = errorText(os.Create("x"))
		_ = json.NewEncoder(os.Stdout).Encode(out)
	default:
		fmt.Fprintf(os.Stderr, "puppet: unknown %q\n", c.Do)
		os.Exit(99)
	}
}

//go:noinline
func recurse(n int) int { return recurse(n+1) + 1 }

func errorText(f *os.File, err error) (*os.File, bool) { return f, err == nil }
