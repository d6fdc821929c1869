//go:build unix

package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSystem(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("CHAINRUN_TEST_SET", "of the environment\n")
	t.Setenv("CHAINRUN_TEST_EMPTY", "")
	t.Setenv("CHAINRUN_TEST_LARGE", strings.Repeat("x", MaxBytes+1))
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file("target", "through a link\n"), link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reference   Reference
		value, want string // one of them
		absent      bool
	}{
		{Reference{Env: "CHAINRUN_TEST_SET"}, "of the environment\n", "", false},
		{Reference{Env: "CHAINRUN_TEST_EMPTY"}, "", "CHAINRUN_TEST_EMPTY is empty", true},
		{Reference{Env: "CHAINRUN_TEST_ABSENT"}, "", "CHAINRUN_TEST_ABSENT is not set", true},
		{Reference{Env: "CHAINRUN_TEST_LARGE"}, "", "CHAINRUN_TEST_LARGE has more than 65536 bytes", false},
		{Reference{File: file("plain", "value")}, "value", "", false},
		{Reference{File: file("line", "value\n")}, "value", "", false},
		{Reference{File: file("windows", "value\r\n")}, "value", "", false},
		{Reference{File: file("two", "value\n\n")}, "value\n", "", false},
		{Reference{File: file("largest", strings.Repeat("x", MaxBytes)+"\r\n")}, strings.Repeat("x", MaxBytes), "", false},
		{Reference{File: file("larger", strings.Repeat("x", MaxBytes+1))}, "", "larger has more than 65536 bytes", false},
		{Reference{File: file("empty", "\n")}, "", "empty is empty", true},
		{Reference{File: link}, "through a link", "", false},
		{Reference{File: filepath.Join(dir, "none")}, "", "none does not exist", true},
		{Reference{File: dir}, "", "is not a regular file", false},
		{Reference{File: fifo}, "", "is not a regular file", false},
		{Reference{File: "/dev/zero"}, "", "is not a regular file", false},
		{Reference{}, "", "neither env nor file", false},
		{Reference{Env: "A", File: "b"}, "", "both env and file", false},
	} {
		got, err := System().Resolve(t.Context(), test.reference)
		if err == nil && (test.want != "" || got != test.value) {
			t.Errorf("%+v: got %.40q", test.reference, got)
		}
		if err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrAbsent) != test.absent) {
			t.Errorf("%+v: %v, want %q", test.reference, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "xxxx") {
			t.Errorf("%+v: the error has the value", test.reference)
		}
	}
}

func TestResolveTellsAll(t *testing.T) {
	g := given{"fine": "a value", "empty": "", "large": strings.Repeat("x", MaxBytes+1), "PRESENT": "of the environment"}
	refs := []Reference{{Name: "none", Env: "NONE"}, {Name: "fine", Env: "FINE"}, {Name: "empty", File: "e"}, {Name: "large", File: "l"}}
	_, err := Resolve(t.Context(), g, refs, []string{"ABSENT", "PRESENT"})
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || len(missing.Missing) != 3 || !errors.Is(err, ErrAbsent) {
		t.Fatalf("%v", err)
	}
	for i, name := range []string{"none", "empty", "large"} {
		if missing.Missing[i].Reference.Name != name || !strings.Contains(err.Error(), fmt.Sprintf("secret %q: ", name)) {
			t.Errorf("%d: %v", i, err)
		}
	}
	s, err := Resolve(t.Context(), g, refs[1:2], []string{"ABSENT", "PRESENT", "PRESENT"})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := s.Env("PRESENT"); !ok || v != "of the environment" {
		t.Error(v, ok)
	}
	if v, ok := s.Env("ABSENT"); ok || v != "" {
		t.Error(v, ok)
	}
	if _, err := s.Expand("${secret:PRESENT}"); err == nil {
		t.Error("a variable of the environment is no secret of the graph")
	}
	if got := s.Warnings(); len(got) != 1 || !strings.Contains(got[0], `secret "fine" has 7 bytes`) {
		t.Error(got)
	}
	if got := Redact(s).Text("of the environment, a value"); got != "[secret:PRESENT], a value" {
		t.Error(got)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(shown, "value") || strings.Contains(shown, "of the") {
		t.Error(shown)
	}
	many := given{}
	var all []Reference
	for i := range MaxTotalBytes/MaxBytes + 1 {
		name := fmt.Sprint("s", i)
		many[name] = strings.Repeat("x", MaxBytes)
		all = append(all, Reference{Name: name, Env: name})
	}
	if _, err := Resolve(t.Context(), many, all, nil); err == nil || !strings.Contains(err.Error(), "together") {
		t.Errorf("too many: %v", err)
	}
}

type hanging struct{}

func (hanging) Resolve(ctx context.Context, _ Reference) (string, error) {
	<-ctx.Done()
	return "", errors.New("some other words")
}

func TestResolveIsCanceled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := Resolve(ctx, hanging{}, []Reference{{Name: "a", Env: "A"}}, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestExpand(t *testing.T) {
	s := set(t, "a", "AAA", "b-2", "${secret:a}")
	for text, want := range map[string]string{
		"": "", "plain $ {secret:a}": "plain $ {secret:a}",
		"${secret:a}": "AAA", "Bearer ${secret:a}, ${secret:b-2}.": "Bearer AAA, ${secret:a}.",
		"${secret:a": "!", "${secret:}": "!", "${secret:a b}": "!", "${secret:c}": "!",
	} {
		got, err := s.Expand(text)
		if (err != nil) != (want == "!") || err == nil && got != want {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
	var none *Set
	if got, err := none.Expand("x"); got != "x" || err != nil {
		t.Error(got, err)
	}
	if _, err := none.Expand("${secret:a}"); err == nil || !strings.Contains(err.Error(), "secret:a") {
		t.Error(err)
	}
	if _, ok := none.Env("A"); ok || none.Warnings() != nil || none.String() == "" {
		t.Error("a nil set")
	}
	large := set(t, "l", strings.Repeat("x", MaxBytes))
	if _, err := large.Expand(strings.Repeat("${secret:l}", 300)); err == nil {
		t.Error("a text of 19 MB")
	}
}

func TestMissingInOrder(t *testing.T) {
	var names []string
	_, err := Resolve(t.Context(), given{}, []Reference{{Name: "z"}, {Name: "a"}}, nil)
	missing, _ := errors.AsType[*MissingError](err)
	for _, m := range missing.Missing {
		names = append(names, m.Reference.Name)
	}
	if !slices.Equal(names, []string{"z", "a"}) {
		t.Error(names)
	}
}
