package capability

import (
	"fmt"
	"regexp"

	"github.com/chainrun/chainrun/host/schema"
)

// Offer is a capability with its schemas compiled, as plans hold it. Read-only
// and safe for concurrent use.
type Offer struct {
	Capability
	Description   Description
	Grant, Config *schema.Schema // of the description; nil where it has none
	methods       map[string]*OfferedMethod
}

// OfferedMethod is one method of an [Offer].
type OfferedMethod struct {
	Method
	RequestSchema, ResponseSchema *schema.Schema // nil: any document
}

// Proven is a capability whose own tests have compiled every schema that it
// describes; capabilitytest does. They are compiled when they are first needed, and not
// when a host is made that may never need them.
type Proven interface {
	Capability
	// SchemasProven does nothing.
	SchemasProven()
}

var methodName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// NewOffer compiles what c describes. An error is the capability's fault.
func NewOffer(name string, c Capability) (*Offer, error) {
	if f, ok := c.(*Functions); ok && f.err != nil {
		return nil, fmt.Errorf("capability %q: %w", name, f.err)
	}
	o := &Offer{Capability: c, Description: c.Describe(), methods: map[string]*OfferedMethod{}}
	one := func(name string, source []byte) (*schema.Schema, error) { return schema.Compile(name, source, nil) }
	if _, ok := c.(Proven); ok {
		one = schema.Later
	}
	compile := func(what string, source []byte) (*schema.Schema, error) {
		if source == nil {
			return nil, nil
		}
		s, err := one(name+": "+what, source)
		if err != nil {
			return nil, fmt.Errorf("capability %q: the schema of %s: %w", name, what, err)
		}
		return s, nil
	}
	var err error
	if o.Grant, err = compile("its grants", o.Description.Grant); err != nil {
		return nil, err
	}
	if o.Config, err = compile("its settings", o.Description.Config); err != nil {
		return nil, err
	}
	for _, m := range o.Description.Methods {
		if !methodName.MatchString(m.Name) {
			return nil, fmt.Errorf("capability %q: method %q: a name has 1 to 64 of a-z, 0-9, _, . and -", name, m.Name)
		}
		if o.methods[m.Name] != nil {
			return nil, fmt.Errorf("capability %q: method %q is described twice", name, m.Name)
		}
		offered := &OfferedMethod{Method: m}
		if offered.RequestSchema, err = compile("requests of "+m.Name, m.Request); err != nil {
			return nil, err
		}
		if offered.ResponseSchema, err = compile("answers of "+m.Name, m.Response); err != nil {
			return nil, err
		}
		o.methods[m.Name] = offered
	}
	return o, nil
}

// Method looks a method up; nil where there is none.
func (o *Offer) Method(name string) *OfferedMethod { return o.methods[name] }
