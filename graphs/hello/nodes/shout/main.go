// Shout puts an exclamation mark behind a greeting. It knows nothing of
// chainrun: a document on standard input, a document on standard output.
package main

import (
	"encoding/json"
	"log"
	"os"
)

func main() {
	var greeting struct {
		Text string `json:"text"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&greeting); err != nil {
		log.Fatalf("reading the greeting: %v", err)
	}
	greeting.Text += "!"
	if err := json.NewEncoder(os.Stdout).Encode(greeting); err != nil {
		log.Fatalf("writing the greeting: %v", err)
	}
}
