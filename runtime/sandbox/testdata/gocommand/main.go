// A command for the sandbox's tests: it does to stdin what its config says.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	var config struct {
		Do   string `json:"do"`
		Code int    `json:"code"`
	}
	if c := os.Getenv("CHAINRUN_CONFIG"); c != "" {
		if err := json.Unmarshal([]byte(c), &config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(8)
		}
	}
	answer := map[string]any{}
	switch config.Do {
	case "exit":
		fmt.Fprintln(os.Stderr, "first line")
		fmt.Fprint(os.Stderr, "it went wrong")
		os.Exit(config.Code)
	case "panic":
		panic("on purpose")
	case "world":
		start := time.Now()
		time.Sleep(90 * time.Minute)
		b := make([]byte, 8)
		_, _ = rand.Read(b)
		answer["start"] = start.UTC().Format(time.RFC3339)
		answer["slept"] = time.Since(start).Round(time.Second).String()
		answer["random"] = fmt.Sprintf("%x", b)
		answer["env"] = os.Environ()
		answer["args"] = os.Args
		_, err := os.Open("/etc/passwd")
		answer["open"] = err != nil
	default:
		_, _ = os.Stdout.Write(input)
		return
	}
	_ = json.NewEncoder(os.Stdout).Encode(answer)
}
