package graph

// What a graph says of the world outside: [capabilities.NAME], [secrets.NAME],
// [budget] and the grants of its nodes.

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/chainrun/chainrun/host/document"
)

// What one graph may say of the world.
const (
	maxGrants        = 64      // of a node
	maxGranted       = 100_000 // of all nodes together; [defaults] can multiply
	maxSettings      = 256
	maxSecrets       = 256
	maxTermsBytes    = 64 << 10 // of one grant, as JSON
	maxSettingsBytes = 1 << 20
	maxPathBytes     = 4096
	maxVariableBytes = 256
)

// HostCapability is the one that every node has without a grant: its config, its
// feedback.
const HostCapability = "node"

var (
	variable   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`) })
)

// readWorld reads [capabilities], [secrets] and [budget].
func (b *builder) readWorld() {
	b.readSettings()
	b.readSecrets()
	if s := b.src.Budget; s != nil {
		b.readBudget(s)
	}
}

// tables gives the tables that can be read: names without doubt, not too many,
// of a bounded size.
func (b *builder) tables(list []Section, label, many string, most, mostBytes int, fault func(name string) string, read func(s *Section, fields []document.Field)) {
	seen := map[string]Position{}
	for i := range list {
		s := &list[i]
		owner := label + "." + s.Name
		if i == most {
			b.complain(s.At, CodeTooLarge, fmt.Sprintf("%s: more than %d %s", owner, most, many), "")
			return
		}
		if why := fault(s.Name); why != "" {
			b.complain(s.At, CodeBadName, fmt.Sprintf("%s: %q: %s", label, s.Name, why), "rename it")
			continue
		}
		if first, twice := seen[s.Name]; twice {
			b.complain(s.At, CodeDuplicate, fmt.Sprintf("%s is declared twice, first at %s", owner, first), "remove one")
			continue
		}
		seen[s.Name] = s.At
		if fields, ok := b.fields(s, owner, mostBytes); ok {
			read(s, fields)
		}
	}
}

// fields gives the members of a table.
func (b *builder) fields(s *Section, owner string, mostBytes int) ([]document.Field, bool) {
	d := s.Value.Document
	switch d.Kind() {
	case document.KindAbsent:
		return nil, s.Value.At.Line == 0 // else whoever read the file has complained
	case document.KindObject:
	case document.KindNull, document.KindBool, document.KindNumber, document.KindString, document.KindArray:
		b.complain(s.Value.Places.Find("", s.At), CodeWrongType, fmt.Sprintf("%s: found %s, expected a table", owner, shown(d)), "")
		return nil, false
	}
	if n := len(d.Bytes()); n > mostBytes {
		b.complain(s.At, CodeTooLarge, fmt.Sprintf("%s: the table has %d bytes as JSON; at most %d are allowed", owner, n, mostBytes), "")
		return nil, false
	}
	return d.Fields(), true
}

// unknownKey complains about a key that a table cannot have.
func (b *builder) unknownKey(s *Section, owner, key string, known []string) {
	hint := "known keys: " + strings.Join(known, ", ")
	if near := b.nearest(key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	b.complain(s.Value.Keys.Find("/"+pointerToken(key), s.At), CodeUnknownKey, fmt.Sprintf("%s.%s: no such key", owner, key), hint)
}

// capabilityFault says why a capability cannot have a name.
func capabilityFault(name string) string {
	if name == HostCapability {
		return "the name is the host's own; every node has that capability"
	}
	return nameFault(name)
}

// readSettings reads [capabilities.NAME].
func (b *builder) readSettings() {
	b.tables(b.src.Capabilities, "capabilities", "capabilities", maxSettings, maxSettingsBytes, capabilityFault, func(s *Section, fields []document.Field) {
		c := &Settings{Name: s.Name, Kind: s.Name, At: s.At, KindAt: s.At, Places: s.Value.Places, Keys: s.Value.Keys}
		var own []document.Field
		for _, f := range fields {
			if f.Key != "kind" {
				own = append(own, f)
				continue
			}
			c.KindAt = s.Value.Places.Find("/kind", s.At)
			kind, ok := text(f.Value)
			if !ok {
				b.complain(c.KindAt, CodeWrongType, fmt.Sprintf("capabilities.%s.kind: found %s, expected a string", s.Name, shown(f.Value)), "")
			} else if why := capabilityFault(kind); why != "" {
				b.complain(c.KindAt, CodeBadName, fmt.Sprintf("capabilities.%s.kind: %q: %s", s.Name, kind, why), "")
			}
			c.Kind = kind
		}
		c.Value = document.Object(own...)
		b.graph.Capabilities = append(b.graph.Capabilities, c)
	})
}

const whereHint = `write env = "VARIABLE" or file = "PATH": the secret itself never stands in a graph`

// readSecrets reads [secrets.NAME].
func (b *builder) readSecrets() {
	fault := func(name string) string {
		if !secretName().MatchString(name) {
			return "a secret's name has 1 to 128 of A-Z, a-z, 0-9, _ and -, and does not begin with -"
		}
		return ""
	}
	// What stands here by mistake may be the secret itself: no value is repeated.
	list := slices.Clone(b.src.Secrets)
	for i := range list {
		if d := list[i].Value.Document; !d.IsZero() && d.Kind() != document.KindObject {
			b.complain(list[i].Value.Places.Find("", list[i].At), CodeWrongType, fmt.Sprintf("secrets.%s: found %s, expected a table", list[i].Name, d.Kind()), whereHint)
			list[i].Value = Value{At: Position{Line: 1}} // which is not complained about again
		}
	}
	b.tables(list, "secrets", "secrets", maxSecrets, maxSettingsBytes, fault, func(s *Section, fields []document.Field) {
		owner := "secrets." + s.Name
		secret := &Secret{Name: s.Name, At: s.At}
		written := 0
		for _, f := range fields {
			if f.Key != "env" && f.Key != "file" {
				b.unknownKey(s, owner, f.Key, []string{"env", "file"})
				continue
			}
			where := s.Value.Places.Find("/"+f.Key, s.At)
			if written++; written == 2 {
				b.complain(where, CodeBadValue, owner+": env and file exclude each other", "keep one")
			}
			v, ok := text(f.Value)
			if !ok {
				b.complain(where, CodeWrongType, fmt.Sprintf("%s.%s: found %s, expected a string", owner, f.Key, f.Value.Kind()), "")
				continue
			}
			if f.Key == "env" {
				secret.Env = v
				if !variable.MatchString(v) || len(v) > maxVariableBytes {
					b.complain(where, CodeBadValue, owner+".env: this is not the name of a variable", `write the name alone, such as "API_KEY": the value stays in the environment`)
				}
				continue
			}
			secret.File = v
			if v == "" || len(v) > maxPathBytes || strings.ContainsRune(v, 0) {
				b.complain(where, CodeBadValue, owner+".file: this is not the name of a file", "it is looked for from the graph's folder; an absolute path may stand here too")
			}
		}
		if len(fields) == 0 {
			b.complain(s.At, CodeMissingKey, owner+`: it needs one of "env" and "file"`, whereHint)
		}
		b.graph.Secrets = append(b.graph.Secrets, secret)
	})
}

// budgetKeys are those of [budget].
var budgetKeys = []string{"calls", "tokens", "cost"}

// readBudget reads [budget].
func (b *builder) readBudget(s *Section) {
	fields, ok := b.fields(s, "budget", maxTermsBytes)
	if !ok {
		return
	}
	if len(fields) == 0 {
		b.complain(s.At, CodeMissingKey, `budget: it needs one of "calls", "tokens" and "cost"`, "remove the table for no bound")
	}
	known := make([]document.Field, 0, len(fields))
	for _, f := range fields {
		if !slices.Contains(budgetKeys, f.Key) {
			b.unknownKey(s, "budget", f.Key, budgetKeys)
			continue
		}
		known = append(known, f)
	}
	l, faults := ReadLimits(document.Object(known...), nil)
	for _, f := range faults {
		b.complain(s.Value.Places.Find(f.Pointer, s.At), f.Code, "budget."+f.Text, f.Hint)
	}
	b.graph.Budget = &Budget{Calls: l.Calls, Tokens: l.Tokens, Cost: l.Cost, At: s.At}
}

// grants reads the grants of a node, or those of [defaults]. They are in the
// order of the capabilities' names.
func (b *builder) grants(list []Section, owner string, defaults bool) []*Grant {
	var granted []*Grant
	b.tables(list, owner+": grants", "grants", maxGrants, maxTermsBytes, capabilityFault, func(s *Section, _ []document.Field) {
		g := &Grant{
			Capability: s.Name, Terms: s.Value.Document, Inherited: defaults,
			At: s.At, Places: s.Value.Places, Keys: s.Value.Keys,
		}
		if g.Terms.IsZero() {
			g.Terms = document.Object()
		}
		g.Limits, _ = ReadLimits(g.Terms, nil)
		granted = append(granted, g)
	})
	slices.SortFunc(granted, func(a, c *Grant) int { return strings.Compare(a.Capability, c.Capability) })
	return granted
}

// countGrants complains where all nodes together are granted too much.
func (b *builder) countGrants(n *Node) {
	before := b.granted
	if b.granted += len(n.Grants); before <= maxGranted && b.granted > maxGranted {
		b.complain(n.At, CodeTooLarge, fmt.Sprintf("node %q: grants: all nodes together are granted more than %d times", n.Name, maxGranted),
			"grant less in [defaults]")
	}
}
