// Table schema: what it costs to know that a document is valid.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/host/schema"
)

const (
	schemaRounds = 20
	schemaChecks = 2000 // of a round
)

func schemaTable(_ context.Context, o options) error {
	ours, err := compileOrders()
	if err != nil {
		return err
	}
	theirs, err := jsonschema.CompileString("order.json", orderSchema)
	if err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	in := order(1, 0)
	decode := func(numbers bool) (v any, err error) {
		d := json.NewDecoder(bytes.NewReader(in))
		if numbers {
			d.UseNumber()
		}
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("decoding: %w", err)
		}
		return v, nil
	}
	repeat := func(name string, once func() error) labour {
		return labour{name, inProcess(schemaChecks, func() error {
			for range schemaChecks {
				if err := once(); err != nil {
					return err
				}
			}
			return nil
		})}
	}
	labours := []labour{
		repeat("is it JSON? (encoding/json.Valid)", func() error {
			if !json.Valid(in) {
				return fmt.Errorf("%s is no JSON", in)
			}
			return nil
		}),
		repeat("chainrun: from its bytes", func() error { return checkOrder(ours, in) }),
		repeat("encoding/json alone, to any", func() error { _, err := decode(false); return err }),
		repeat("santhosh v5: decoded, then checked", func() error {
			v, err := decode(true)
			if err == nil {
				err = theirs.Validate(v)
			}
			return err //nolint:wrapcheck // which cannot happen
		}),
	}
	m, err := interleave(labours, min(o.rounds, schemaRounds))
	if err != nil {
		return err
	}
	g := grid{{fmt.Sprintf("a valid order of %d bytes", len(in)), "µs", "× chainrun"}}
	const walk, authority = 1, 3
	_, walked := m.least(walk)
	for i, l := range labours {
		_, cpu := m.least(i)
		_, text := ratio(cpu, walked)
		g = append(g, []string{l.name, micros(cpu), text})
	}
	g.print(o.out)
	_, floor := m.least(0)
	_, slow := m.least(authority)
	times, _ := ratio(slow, walked)
	o.figures.set("schema.walk", inMicros(walked), "%s µs: encoding/json.Valid, which only asks whether it is JSON", micros(floor))
	o.figures.set("schema.times", times, "%s µs", micros(slow))
	o.out.printf("\nCPU time, minima of %d rounds of %d in turns, the collector's work for what they leave included.\n"+
		"An object of three members, one a list of 15 objects with a pattern, a minimum and a maxLength each; additional\n"+
		"properties forbidden\n", len(m.cpu[0]), schemaChecks)
	return nil
}

func compileOrders() (*schema.Schema, error) {
	s, err := schema.Compile("order.json", []byte(orderSchema), nil)
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	return s, nil
}

func checkOrder(s *schema.Schema, input []byte) error {
	if found := s.Validate(document.Trusted(input)); found != nil {
		return fmt.Errorf("the order breaks its schema: %v", found)
	}
	return nil
}
