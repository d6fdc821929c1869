package nodes

import (
	"strings"
	"testing"
)

func TestHTML2Text(t *testing.T) {
	const page = `<!doctype html><html><head><title>T</title><style>p{}</style></head><body>
<h1>Big  news</h1><script>alert("<p>no</p>")</script>
<p>One &amp; <b>two</b>,
 three.<br>Next<p>A <a href="/x?a=1&amp;b=2">link</a> and <a href="#top">none</a>.
<ul><li>a<li>b<ol><li>c</li><li>d</li></ol></li></ul>
<pre>  x
   y</pre><blockquote>said<p>twice</blockquote>
<table><tr><th>n</th><th>v</th></tr><tr><td>1</td><td></td><td>3</td></tr></table>
<div hidden>no <div>no</div> no</div><img src=a alt="a cat"><hr>end</body></html>`
	const text = "Big news\n\nOne & two, three.\nNext\n\nA link and none.\n\n- a\n- b\n  1. c\n  2. d\n\n  x\n   y\n\n> said\n>\n> twice\n\nn | v\n1 |  | 3\n\nend"
	checkAll(t, "html2text", []check{
		{``, quoted(page), quoted(text)},
		{`{"links":"inline","base":"https://example.com/y/"}`, `"<a href=../x>a</a> <a href='javascript:x()'>b</a> <a href=mailto:c@d>c</a>"`, `"a (https://example.com/x) b c (mailto:c@d)"`},
		{`{"links":"list"}`, `"<p><a href=/a>a</a>, <a href=/b>b"`, `"a [1], b [2]\n\n[1] /a\n[2] /b"`},
		{`{"images":true}`, `"x<img alt=cat>y"`, `"xcaty"`},
		{`{"format":"markdown"}`, `"<h2>T</h2><p>a <b>b</b> <i>c</i> <code>d</code><pre>e\n f</pre>g<hr>h"`, "\"## T\\n\\na **b** *c* `d`\\n\\n```\\ne\\n f\\n```\\n\\ng\\n\\n---\\n\\nh\""},
		{``, `"plain  text"`, `"plain text"`},
		{``, `""`, `""`},
		{``, `"</p></b></ul></pre></blockquote>a<unknown hidden>b</unknown><"`, `"ab<"`},
		{`{"base":"http://[::1"}`, `""`, `bad_config: base: …`},
		{``, `1`, `bad_input: …`},
	})
}

// A page that is built to cost much gives what it gives.
func TestHTML2TextIsBounded(t *testing.T) {
	const many = 200_000
	for name, page := range map[string]string{
		"deep":       strings.Repeat("<div>", many) + "x",
		"lists":      strings.Repeat("<ul><li>", many) + "x",
		"quotes":     strings.Repeat("<blockquote>", many) + "x" + strings.Repeat("\n<br>y", 100),
		"attributes": "<p " + strings.Repeat("a=b ", many) + ">x",
		"links":      strings.Repeat("<a href=/a>x", many),
		"entities":   strings.Repeat("&amp;", many) + "x",
		"tables":     strings.Repeat("<table><tr><td>x", many),
		"open":       "x" + strings.Repeat("<!--", many),
		"null":       "x" + strings.Repeat("\x00", many),
	} {
		for _, config := range []string{``, `{"format":"markdown","links":"list"}`} {
			got := chainrun{config: config}.run("html2text", quoted(page))
			if !strings.HasPrefix(got, `"`) || !strings.Contains(got, "x") || len(got) > 30*len(page)+1000 {
				t.Errorf("%s: %d bytes, %.80s", name, len(got), got)
			}
		}
	}
}
