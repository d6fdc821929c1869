package nodes

// std:html2text: what a reader of a web page sees, as text. The page is read token by
// token, not as a tree: neither depth nor tags that do not match cost anything.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/chainrun/chainrun/sdk/go/node"
)

type htmlConfig struct {
	Format string `json:"format,omitempty" jsonschema:"enum=text,enum=markdown,default=text" jsonschema_description:"markdown keeps headings, emphasis, code and quotes."`
	Links  string `json:"links,omitempty" jsonschema:"enum=drop,enum=inline,enum=list,default=drop" jsonschema_description:"where links lead: nowhere, beside their text, or in a list at the end."`
	Images bool   `json:"images,omitempty" jsonschema_description:"the alternative text of images is shown."`
	Base   string `json:"base,omitempty" jsonschema_description:"the page's address: links are made absolute by it."`
}

func html2textNode(ctx context.Context, source string) (string, error) {
	conf, err := node.Config[htmlConfig](ctx)
	if err != nil {
		return "", err
	}
	return pageText(conf, source)
}

// page is the text of a page while it is read.
type page struct {
	conf     htmlConfig
	markdown bool
	base     *url.URL
	out      strings.Builder

	newlines int  // that the next text begins with
	space    bool // or a space
	begun    bool // something is written
	pre      int  // open pre elements
	quotes   int
	last     int // quotes around what was written last
	cells    int // of the row so far
	lists    []list
	lost     int // open lists beyond maxLists

	skipped atom.Atom // the element whose contents are not shown
	inside  int       // how many of it are open

	anchor   string // where the open link leads
	anchorAt int    // the length of the text when it was opened
	links    []string
}

type list struct {
	ordered bool
	items   int
}

const (
	maxLists = 20     // deeper ones are shown like these
	maxLinks = 10_000 // more are not listed
)

func pageText(conf htmlConfig, source string) (string, error) {
	p := &page{conf: conf, markdown: conf.Format == "markdown"}
	if conf.Base != "" {
		base, err := url.Parse(conf.Base)
		if err != nil {
			return "", node.Errorf("bad_config", "base: %w", err)
		}
		p.base = base
	}
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return "", node.Errorf("bad_input", "reading the page: %w", err)
			}
			return p.end(), nil
		}
		p.token(z, kind)
		if p.out.Len() > maxBytes {
			return "", errTooLarge
		}
	}
}

func (p *page) token(z *html.Tokenizer, kind html.TokenType) {
	switch kind {
	case html.TextToken:
		if p.skipped == 0 {
			p.text(string(z.Text()))
		}
	case html.StartTagToken, html.SelfClosingTagToken:
		t := z.Token()
		switch {
		case p.skipped != 0:
			if t.DataAtom == p.skipped && kind == html.StartTagToken {
				p.inside++
			}
		case hidden(t) && !void[t.DataAtom]:
			if kind == html.StartTagToken {
				p.skipped, p.inside = t.DataAtom, 1
			}
		default:
			p.open(t)
		}
	case html.EndTagToken:
		name, _ := z.TagName()
		a := atom.Lookup(name)
		if p.skipped == 0 {
			p.close(a)
		} else if a == p.skipped {
			if p.inside--; p.inside == 0 {
				p.skipped = 0
			}
		}
	default: // comments and the like
	}
}

var void = map[atom.Atom]bool{atom.Br: true, atom.Hr: true, atom.Img: true, atom.Input: true, atom.Wbr: true, atom.Meta: true, atom.Link: true}

// hidden tells an element that nobody sees.
func hidden(t html.Token) bool {
	switch t.DataAtom {
	case atom.Script, atom.Style, atom.Head, atom.Template, atom.Noscript, atom.Iframe, atom.Object, atom.Svg, atom.Canvas, atom.Select, atom.Textarea:
		return true
	case 0: // an element that HTML does not know has no atom to find its end by
		return false
	default:
	}
	for _, a := range t.Attr {
		if a.Key == "hidden" || a.Key == "aria-hidden" && a.Val == "true" {
			return true
		}
	}
	return false
}

func (p *page) open(t html.Token) {
	switch a := t.DataAtom; a {
	case atom.Br:
		p.newlines = max(p.newlines, 1)
		if p.pre > 0 {
			p.write("\n")
			p.newlines = 0
		}
	case atom.Hr:
		p.block(2)
		if p.markdown {
			p.write("---")
		}
		p.block(2)
	case atom.Img:
		if p.conf.Images {
			p.text(attribute(t, "alt"))
		}
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		p.block(2)
		if p.markdown {
			p.write(strings.Repeat("#", int(t.Data[1]-'0')) + " ")
		}
	case atom.Pre:
		p.block(2)
		if p.markdown && p.pre == 0 {
			p.write("```\n")
		}
		p.pre++
	case atom.Blockquote:
		p.block(2)
		p.quotes = min(p.quotes+1, maxLists)
	case atom.Ul, atom.Ol:
		p.block(1 + boolInt(len(p.lists) == 0))
		if len(p.lists) == maxLists {
			p.lost++
			return
		}
		p.lists = append(p.lists, list{ordered: a == atom.Ol})
	case atom.Li:
		p.item()
	case atom.Td, atom.Th:
		if p.cells++; p.cells > 1 {
			p.write(" | ")
			p.space = false
		}
	case atom.Tr:
		p.block(1)
		p.cells = 0
	case atom.A:
		p.leave()
		p.anchor, p.anchorAt = p.address(attribute(t, "href")), p.out.Len()
	default:
		p.inline(a, true)
		p.block(margin(a))
	}
}

func (p *page) close(a atom.Atom) {
	switch a {
	case atom.Pre:
		if p.pre > 0 {
			if p.pre--; p.pre == 0 && p.markdown {
				p.newlines = 1
				p.write("```")
			}
		}
		p.block(2)
	case atom.Blockquote:
		p.block(2)
		p.quotes = max(p.quotes-1, 0)
	case atom.Ul, atom.Ol:
		if p.lost > 0 {
			p.lost--
		} else if len(p.lists) > 0 {
			p.lists = p.lists[:len(p.lists)-1]
		}
		p.block(1 + boolInt(len(p.lists) == 0))
	case atom.A:
		p.leave()
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		p.block(2)
	case atom.Li, atom.Tr:
		p.block(1)
	default:
		p.inline(a, false)
		p.block(margin(a))
	}
}

// inline writes the marks of Markdown around words.
func (p *page) inline(a atom.Atom, opens bool) {
	mark := ""
	switch a {
	case atom.B, atom.Strong:
		mark = "**"
	case atom.I, atom.Em:
		mark = "*"
	case atom.Code, atom.Kbd, atom.Samp:
		mark = "`"
	default:
	}
	if mark == "" || !p.markdown || p.pre > 0 {
		return
	}
	if !opens {
		p.out.WriteString(mark) // before the space that may follow
		return
	}
	p.write(mark)
}

// margin is how many line ends an element is set off by.
func margin(a atom.Atom) int {
	switch a {
	case atom.P, atom.Table, atom.Figure, atom.Dl, atom.Article, atom.Section, atom.Header, atom.Footer, atom.Nav, atom.Main, atom.Aside, atom.Form, atom.Fieldset:
		return 2
	case atom.Div, atom.Dt, atom.Dd, atom.Address, atom.Body, atom.Caption, atom.Figcaption, atom.Summary, atom.Details, atom.Title, atom.Option, atom.Thead, atom.Tbody, atom.Tfoot, atom.Legend:
		return 1
	default:
		return 0
	}
}

func (p *page) block(lines int) {
	if lines > 0 {
		p.newlines, p.space = max(p.newlines, lines), false
	}
}

func (p *page) item() {
	p.block(1)
	mark := "- "
	if n := len(p.lists); n > 0 {
		l := &p.lists[n-1]
		l.items++
		if l.ordered {
			mark = fmt.Sprintf("%d. ", l.items)
		}
		mark = strings.Repeat("  ", n-1) + mark
	}
	p.write(mark)
}

// text writes text as a browser shows it: white space is one space, but in pre. A
// space that keeps words on one line is one like others here, where lines have no end.
func (p *page) text(s string) {
	s = strings.ReplaceAll(s, "\u00a0", " ")
	if p.pre > 0 {
		p.write(s)
		return
	}
	for s != "" {
		end := strings.IndexAny(s, " \t\r\n\f")
		switch {
		case end < 0:
			p.write(s)
			return
		case end > 0:
			p.write(s[:end])
		}
		p.space = p.space || p.newlines == 0
		s = s[end+1:]
	}
}

// write writes what is seen, after the line ends or the space that stand before it.
func (p *page) write(s string) {
	if s == "" {
		return
	}
	quote := ""
	if p.quotes > 0 {
		quote = strings.Repeat("> ", p.quotes)
	}
	switch {
	case !p.begun:
		p.out.WriteString(quote)
	case p.newlines > 0:
		for range p.newlines - 1 { // an empty line belongs to what both lines do
			p.out.WriteString("\n" + strings.TrimSuffix(strings.Repeat("> ", min(p.quotes, p.last)), " "))
		}
		p.out.WriteString("\n" + quote)
	case p.space:
		p.out.WriteByte(' ')
	}
	p.begun, p.newlines, p.space, p.last = true, 0, false, p.quotes
	if quote != "" {
		s = strings.ReplaceAll(s, "\n", "\n"+quote)
	}
	p.out.WriteString(s)
}

// leave ends the open link, if there is one that leads somewhere and has a text.
func (p *page) leave() {
	address := p.anchor
	p.anchor = ""
	if address == "" || p.out.Len() == p.anchorAt {
		return
	}
	switch p.conf.Links {
	case "inline":
		p.out.WriteString(" (" + address + ")")
	case "list":
		if len(p.links) < maxLinks {
			p.links = append(p.links, address)
			fmt.Fprintf(&p.out, " [%d]", len(p.links))
		}
	}
}

// address is where a link leads; "" where that is no address that a reader wants.
func (p *page) address(href string) string {
	if p.conf.Links == "" || p.conf.Links == "drop" || href == "" || strings.HasPrefix(href, "#") {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil || u.Scheme == "javascript" || u.Scheme == "data" {
		return ""
	}
	if p.base != nil {
		u = p.base.ResolveReference(u)
	}
	return u.String()
}

func (p *page) end() string {
	p.leave()
	text := strings.TrimRight(p.out.String(), " \n\t")
	if len(p.links) == 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text + "\n")
	for i, l := range p.links {
		fmt.Fprintf(&b, "\n[%d] %s", i+1, l)
	}
	return b.String()
}

func attribute(t html.Token, key string) string {
	for _, a := range t.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
