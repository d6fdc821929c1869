package cases

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainrun/chainrun/host"
	"github.com/chainrun/chainrun/host/document"
	"github.com/chainrun/chainrun/runtime/module/moduletest"
)

// Every complaint is made at once, at its line and column.
func TestComplaints(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown keys": {"[[case]]\ninptu = 1\n[[case.answer]]\ncapability = 'a'\nmethod = 'b'\nx = 1\n", "" +
			"c.toml:2:1: case[0].inptu: no such key (did you mean \"input\"?)\n" +
			"c.toml:6:1: case[0].answer[0].x: no such key (known keys: capability, method, payload, answer, failure)"},
		"types": {"[[case]]\nfuel_at_most = -1\nmemory = '1MB'\ntimeout = 3\ntime = 'now'\nretryable = 'yes'\nname = 1\nfeedback = 1", "" +
			"c.toml:2:16: case[0].fuel_at_most: found -1, expected an integer from 1\n" +
			"c.toml:3:10: case[0].memory: found \"1MB\", expected a number of bytes from 1, or a size such as \"16MiB\"\n" +
			"c.toml:4:11: case[0].timeout: found 3, expected a length of time such as \"2s\"\n" +
			"c.toml:5:8: case[0].time: found \"now\", expected a time such as \"2026-01-02T15:04:05Z\"\n" +
			"c.toml:6:13: case[0].retryable: found \"yes\", expected true or false\n" +
			"c.toml:7:8: case[0].name: found 1, expected a string\n" +
			"c.toml:8:12: case[0].feedback: found 1, expected a list of tables"},
		"both":   {"[[case]]\noutput = 1\nreason = 'x'", "c.toml:1:3: case[0]: a case expects an output or a failure, not both"},
		"twice":  {"[[case]]\nname = 'a'\n[[case]]\nname = 'a'", "c.toml:3:3: two cases have the name \"a\" (give each a name of its own)"},
		"a date": {"[[case]]\ninput = 2020-01-01", "c.toml:2:9: the file.case[0].input: found a date or time, expected a JSON value (JSON has no dates: write it in quotes)"},
		"none":   {"", "c.toml: there is no case (write [[case]], and below it input and output)"},
		"syntax": {"[[case]", "c.toml:1:7: not TOML: expected end of table array name delimiter ']', but got '\\x00' instead"},
		"the failure": {"[[case]]\n[[case.answer]]\ncapability = 'a'\nmethod = 'b'\nanswer = 1\nfailure = {code = 'trap'}", "" +
			"c.toml:6:11: case[0].answer[0]: a call has an answer or a failure\n" +
			"c.toml:6:19: case[0].answer[0].failure.code: found \"trap\", expected \"capability_error\" or \"capability_denied\""},
	} {
		list, found := Read("c.toml", []byte(c.text))
		if list != nil || found.Error() != c.want {
			t.Errorf("%s: complaints are\n%s\nwant\n%s", name, found.Error(), c.want)
		}
	}
	if _, found := Read("c.json", []byte(`{"case": [{"input": 1,}]}`)); found.Error() != "c.json:1:23: not JSON: expected a key in double quotes, found '}'" {
		t.Error(found.Error())
	}
	if list, found := Read("c.json", []byte(`{"case": [{"input": null, "output": null}, {}]}`)); found != nil || len(list) != 2 || list[0].Output.IsZero() || list[1].Name != "case 2" {
		t.Errorf("%v %v", list, found)
	}
}

// What a node does is held against what each case expects.
func TestJudge(t *testing.T) {
	h, err := host.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	modules := map[string][]byte{
		"echo": moduletest.Echo(), "trap": moduletest.Trap(), "spin": moduletest.Spin(), "chance": moduletest.Chance(),
		"ask":   moduletest.Ask("fetch", "request", 1),
		"twice": moduletest.Ask("fetch", "request", 2),
		"fail":  moduletest.Fail(`{"code":"no_luck","message":"none today","retryable":true}`),
	}
	const answer = "[[case.answer]]\ncapability = 'fetch'\nmethod = 'request'\n"
	for name, c := range map[string]struct{ module, text, want string }{
		"equal":       {"echo", "input = {a = 1.0, b = [1]}\noutput = {b = [1.0], a = 1}", ""},
		"no number":   {"echo", "input = 9007199254740993\noutput = 9007199254740992", "another output than expected"},
		"nothing":     {"echo", "", ""},
		"schema":      {"echo", "input = {a = 1}\noutput_schema = {required = ['b']}", "it failed: invalid_output: the node's output breaks its schema: the document: the property"},
		"schema file": {"echo", "input = 'x'\noutput_schema = 'number.json'", "it failed: invalid_output"},
		"fuel":        {"echo", "fuel_at_most = 1", "it used fuel 10, and at most 1 is expected"},
		"fuel is low": {"echo", "fuel_at_most = 1000\nmemory_at_most = '64KiB'", "it has 19660800 bytes of memory, and at most 65536 are expected"},
		"trap":        {"trap", "code = 'trap'\nmessage = 'unreachable'", ""},
		"other code":  {"trap", "code = 'timeout'", `a failure with code "timeout" is expected, and it failed otherwise: trap: unreachable`},
		"unexpected":  {"trap", "output = 1", "it failed: trap: unreachable"},
		"success":     {"echo", "reason = 'no_luck'", `it succeeded, and a failure with reason "no_luck" is expected; its output is {}`},
		"reason":      {"fail", "code = 'node_error'\nreason = 'no_luck'\nmessage = 'none'\nretryable = true", ""},
		"retryable":   {"fail", "reason = 'no_luck'\nretryable = false", "retryable is true, and false is expected"},
		"out of fuel": {"spin", "fuel = 10_000\ncode = 'fuel_exhausted'", ""},
		"out of time": {"spin", "timeout = '1ms'\ncode = 'timeout'", ""},
		"chance":      {"chance", "output = 'x'", "another output than expected"},
		"answer":      {"ask", "input = {url = 'x'}\noutput = {status = 200}\n" + answer + "answer = {status = 200}", ""},
		"payload":     {"ask", "input = {url = 'x'}\n" + answer + "payload = {url = 'y'}", `it asked fetch.request with {"url":"x"}, and the case's answer 1 is to fetch.request with {"url":"y"}`},
		"no answer":   {"ask", "input = {url = 'x'}", `it asked fetch.request with {"url":"x"}, and the case has no answer for that: write [[case.answer]]`},
		"too many":    {"ask", answer + answer, `it ended without asking fetch.request, for which the case has an answer (2)`},
		"too few":     {"twice", answer + "answer = 1", `it asked fetch.request with {}, and the case has no answer for that`},
		"denied":      {"ask", "code = 'capability_denied'\n" + answer + "failure = {code = 'capability_denied', message = 'no'}", ""},
		"world":       {"ask", "reason = 'http_429'\nretryable = true\n" + answer + "failure = {reason = 'http_429', retryable = true}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			list, found := Read("c.toml", []byte("[[case]]\n"+c.text))
			if found != nil {
				t.Fatal(found)
			}
			g, err := h.LoadSource(list[0].Source("n", "n.wasm"), func(name string) ([]byte, error) {
				if name == "number.json" {
					return []byte(`{"type":"number"}`), nil
				}
				return modules[c.module], nil
			})
			if err != nil {
				t.Fatal(err)
			}
			done, err := h.Attempt(t.Context(), g, list[0].Given("n"))
			v, err := list[0].Judge(done, err)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(v.Complaints, "|")
			if (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) || v.Passed() != (c.want == "") {
				t.Errorf("complaints are %q, want %q", got, c.want)
			}
		})
	}
	broken := errors.New("broken")
	if _, err := (&Case{}).Judge(host.Attempted{}, broken); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// Changes say where an output is another one.
func TestChanges(t *testing.T) {
	c := Case{Output: document.MustParse(`{"a": [1, 2], "b": 1}`)}
	var done host.Attempted
	done.Output = document.MustParse(`{"a": [1, 3], "c": 1}`)
	v, err := c.Judge(done, nil)
	if err != nil || fmt.Sprint(v.Changes) != "[{/a/1 2 3} {/b 1 } {/c  1}]" {
		t.Errorf("%v %v", v.Changes, err)
	}
}

// Templates have cases that can be read.
func TestTemplates(t *testing.T) {
	files, err := filepath.Glob("../../../../sdk/toolchain/templates/*/cases.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if list, found := Read(name, text); len(list) == 0 || found != nil {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// Whatever stands in a file, it is read or complained about.
func FuzzRead(f *testing.F) {
	f.Add("c.toml", "[[case]]\ninput = {a = 1}\n[[case.answer]]\ncapability = 'x'\nmethod = 'y'")
	f.Add("c.json", `{"case": [{"input": {"a": [1, null]}, "retryable": true, "reason": "x"}]}`)
	f.Fuzz(func(t *testing.T, name, text string) {
		list, found := Read(name, []byte(text))
		if (list == nil) != found.Failed() {
			t.Errorf("%d cases and %v", len(list), found)
		}
		for _, c := range list {
			c.Source("n", "n.wasm")
			c.Given("n")
		}
	})
}
