package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// The bounds of secrets.
const (
	// MaxBytes is the size of one value.
	MaxBytes = 64 << 10
	// MaxTotalBytes is the size of all values of a set.
	MaxTotalBytes = 512 << 10
)

// Resolver gives the values of secrets. Safe for concurrent use.
type Resolver interface {
	// Resolve gives a secret's value. An error that is [ErrAbsent] says that there
	// is none. Errors are shown to the operator: they name the place where the
	// value should be, say what to do, and never have a value in them.
	Resolve(ctx context.Context, r Reference) (string, error)
}

// ErrAbsent is what a [Resolver]'s error wraps where a secret has no value.
var ErrAbsent = errors.New("no value")

// MissingError lists every secret of a graph that has no value. The operator is
// to set them; nothing has run yet.
type MissingError struct {
	Missing []Missing // never empty; in the order of the references
}

// Missing is one secret that has no value.
type Missing struct {
	Reference Reference
	Err       error
}

// Error implements error: a line for each secret.
func (e *MissingError) Error() string {
	var out strings.Builder
	for i, m := range e.Missing {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "secret %q: %v", m.Reference.Name, m.Err)
	}
	return out.String()
}

// Unwrap gives the resolver's errors.
func (e *MissingError) Unwrap() []error {
	out := make([]error, len(e.Missing))
	for i, m := range e.Missing {
		out[i] = m.Err
	}
	return out
}

// Resolve asks r for all references, and for the variables that capabilities
// read where the graph says nothing. A variable that is absent is no error. The
// error is a [*MissingError], or what ended ctx.
func Resolve(ctx context.Context, r Resolver, refs []Reference, environment []string) (*Set, error) {
	s := &Set{values: map[string]string{}, env: map[string]string{}}
	missing := &MissingError{}
	total := 0
	ask := func(ref Reference, optional bool) (string, bool, error) {
		if err := context.Cause(ctx); err != nil {
			return "", false, fmt.Errorf("resolving secrets: %w", err)
		}
		v, err := r.Resolve(ctx, ref)
		if ended := context.Cause(ctx); err != nil && ended != nil {
			return "", false, fmt.Errorf("resolving secrets: %w", ended)
		}
		if optional && errors.Is(err, ErrAbsent) {
			return "", false, nil
		}
		switch {
		case err != nil:
		case len(v) > MaxBytes:
			err = fmt.Errorf("its value has more than %d bytes", MaxBytes)
		case total+len(v) > MaxTotalBytes:
			err = fmt.Errorf("the values of all secrets together have more than %d bytes", MaxTotalBytes)
		case v == "" && optional:
			return "", false, nil
		case v == "":
			err = fmt.Errorf("its value is empty: %w", ErrAbsent)
		}
		if err != nil {
			missing.Missing = append(missing.Missing, Missing{Reference: ref, Err: err})
			return "", false, nil //nolint:nilerr // all of them are told at the end
		}
		total += len(v)
		return v, true, nil
	}
	for _, ref := range refs {
		v, ok, err := ask(ref, false)
		if err != nil {
			return nil, err
		}
		if ok {
			s.add(ref.Name, v, s.values)
		}
	}
	for _, variable := range environment {
		if _, known := s.env[variable]; known {
			continue
		}
		v, ok, err := ask(Reference{Name: variable, Env: variable}, true)
		if err != nil {
			return nil, err
		}
		if ok {
			s.add(variable, v, s.env)
		}
	}
	if len(missing.Missing) > 0 {
		return nil, missing
	}
	return s, nil
}

// System resolves references from this process's environment and from files: at
// most [MaxBytes], less one line break at the end.
func System() Resolver { return system{} }

type system struct{}

// Resolve implements [Resolver].
func (system) Resolve(_ context.Context, r Reference) (string, error) {
	switch {
	case r.Env != "" && r.File != "":
		return "", errors.New("it has both env and file; keep one")
	case r.Env != "":
		v, set := os.LookupEnv(r.Env)
		if !set {
			return "", fmt.Errorf("the environment variable %s is not set; set it before chainrun starts: %w", r.Env, ErrAbsent)
		}
		if v == "" {
			return "", fmt.Errorf("the environment variable %s is empty; give it a value before chainrun starts: %w", r.Env, ErrAbsent)
		}
		if len(v) > MaxBytes {
			return "", fmt.Errorf("the environment variable %s has more than %d bytes; a secret is shorter", r.Env, MaxBytes)
		}
		return v, nil
	case r.File != "":
		return readFile(r.File)
	default:
		return "", errors.New("it has neither env nor file; write env = \"VARIABLE\" or file = \"PATH\"")
	}
}

func readFile(path string) (string, error) {
	// A FIFO without a writer must not hang the host, hence non-blocking; a device
	// is refused only once it is open, since what stands there may change.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the file %s does not exist; write the secret there: %w", path, ErrAbsent)
	}
	if err != nil {
		return "", fmt.Errorf("reading its file: %w; let this user read it", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("reading its file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file; a secret's file is one", path)
	}
	// Two bytes more than allowed: a line break at the end does not count.
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+3))
	if err != nil {
		return "", fmt.Errorf("reading its file: %w", err)
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case len(b) > MaxBytes+2 || len(v) > MaxBytes:
		return "", fmt.Errorf("the file %s has more than %d bytes; a secret is shorter", path, MaxBytes)
	case v == "":
		return "", fmt.Errorf("the file %s is empty; write the secret there: %w", path, ErrAbsent)
	}
	return v, nil
}
