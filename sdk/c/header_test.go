// chainrun.h on this machine: its reader, numbers and writer against Go's.

package c_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainrun/chainrun/host/document"
)

// driver is testdata/driver.c, compiled: what C leaves undefined traps, where the
// compiler can do that. (The sanitizer of addresses is not used: clang's of today
// fails by chance where a kernel spreads addresses widely. A page behind each text
// that cannot be read does its work.)
func driver(t *testing.T) string {
	t.Helper()
	var compiler string
	for _, name := range []string{"clang", "cc", "gcc"} {
		if path, err := exec.LookPath(name); err == nil {
			compiler = path
			break
		}
	}
	if compiler == "" {
		t.Skip("no C compiler is here; install one by: apt-get install clang")
	}
	program := filepath.Join(t.TempDir(), "driver")
	var said []byte
	for _, sanitizers := range [][]string{{"-fsanitize=undefined", "-fsanitize-trap=undefined"}, nil} {
		args := append([]string{"-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I.", "-o", program, "testdata/driver.c"}, sanitizers...)
		var err error
		if said, err = exec.Command(compiler, args...).CombinedOutput(); err == nil {
			return program
		}
	}
	t.Fatalf("compiling the driver: %s", said)
	return ""
}

// run answers a job for each text.
func run(t *testing.T, program string, job byte, texts []string) []string {
	t.Helper()
	var jobs bytes.Buffer
	for _, text := range texts {
		jobs.WriteByte(job)
		jobs.Write(binary.NativeEndian.AppendUint32(nil, uint32(len(text))))
		jobs.WriteString(text)
	}
	c := exec.Command(program)
	c.Stdin = &jobs
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	answers := make([]string, len(texts))
	for i := range texts {
		n := binary.NativeEndian.Uint32(out)
		answers[i], out = string(out[4:4+n]), out[4+n:]
	}
	return answers
}

var documents = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1.5`, `1e5`, `1E+5`, `1.25e-3`, `""`, `"a"`, `[]`, `{}`, `[[]]`, `[{}]`, `{"a":{}}`,
	` [ 1 , 2 ] `, "\t\r\n{\"a\" : 1 , \"b\":[ true,false , null]}\n", `{"":0}`, `{"a":1,"b":{"c":[1,2,{"d":[]}]},"e":"f"}`,
	`"\"\\\/\b\f\n\r\t"`, `"\u0041\u00e9\u20AC\uD83D\uDE00\u0000"`, `"é€😀"`, "\"\x7f\"", `"\ud83d\ude00x"`,
	// Not JSON.
	``, ` `, `[`, `]`, `{`, `}`, `,`, `:`, `[,]`, `[1,]`, `[1 2]`, `[1]]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{1:2}`, `{"a" 1}`,
	`{"a":1}}`, `[1}`, `{"a":1]`, `1 2`, `1,2`, `{}{}`, `"a" "b"`, `"a":1`, `nul`, `nulll`, `NULL`, `tru`, `fals`, `True`, `01`, `-`, `-a`, `+1`, `.5`, `1.`, `1.e5`, `1e`, `1e+`, `1e5.5`,
	`0x10`, `NaN`, `Infinity`, `-Infinity`, `1_0`, `'a'`, `"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u"`, `"\u12"`, `"\u12g4"`, `"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, `"\ud800x"`, `"\ud800\ud800"`,
	"\"\n\"", "\"\x00\"", "\"\x1f\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"",
	"\xef\xbb\xbf1", "\x00", "[\x00]", "[1\x0b]", "\u00a01", `//x`, `/**/1`, `[1]//`, "[\"a\",\n1.5e", `{"a":[}`, `{"a":{]`,
	strings.Repeat("[", 512) + strings.Repeat("]", 512),
	strings.Repeat(`{"a":`, 511) + "[]" + strings.Repeat("}", 511),
	strings.Repeat("[", 513) + strings.Repeat("]", 513),
	strings.Repeat("[", 100_000), strings.Repeat("[", 511) + strings.Repeat("[],", 1000) + "[]" + strings.Repeat("]", 511),
	`"` + strings.Repeat("é", 50_000) + `"`, "[" + strings.Repeat("0,", 50_000) + "0]", strings.Repeat(",", 10_000), strings.Repeat(`"`, 9_999),
}

// suite adds the files of the JSON Schema test suite, where it is there.
func suite(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "testdata", "JSON-Schema-Test-Suite")
	var texts []string
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" || len(texts) >= 200 {
			return nil //nolint:nilerr // what is not there is not tested
		}
		if text, err := os.ReadFile(path); err == nil && len(text) < 50_000 {
			texts = append(texts, string(text))
		}
		return nil
	})
	if len(texts) == 0 {
		t.Log("the JSON Schema test suite is not here; its files are not read")
	}
	return texts
}

// mutated changes bytes of texts here and there, always in the same way.
func mutated(texts []string) []string {
	random := rand.New(rand.NewPCG(1, 2))
	const bytesOfJSON = "{}[]\",:0123456789.eE+-\\/ubfnrt \n\x00\x1f\x80\xbf\xc3\xe2\xed\xf0\xff"
	var more []string
	for _, text := range texts {
		for range 4 {
			b := []byte(text)
			if len(b) > 4_000 { // a part is as good
				from := random.IntN(len(b) - 2_000)
				b = b[from : from+2_000]
			}
			for range 1 + random.IntN(3) {
				at := random.IntN(len(b) + 1)
				c := bytesOfJSON[random.IntN(len(bytesOfJSON))]
				switch kind := random.IntN(3); {
				case kind == 0 || at == len(b):
					b = append(b[:at:at], append([]byte{c}, b[at:]...)...)
				case kind == 1:
					b[at] = c
				default:
					b = append(b[:at:at], b[at+1:]...)
				}
			}
			more = append(more, string(b))
		}
	}
	return more
}

func TestReader(t *testing.T) {
	program := driver(t)
	texts := append(append([]string(nil), documents...), suite(t)...)
	texts = append(texts, mutated(texts)...)
	good := 0
	for i, got := range run(t, program, 'r', texts) {
		text := texts[i]
		_, err := document.Parse([]byte(text), document.Limits{})
		if err != nil && json.Valid([]byte(text)) && utf8.ValidString(text) && !strings.Contains(strings.ToLower(text), `\ud`) &&
			strings.Contains(err.Error(), "twice") {
			continue // the reader leaves keys that come twice to the host
		}
		if refused := strings.HasPrefix(got, "! "); refused != (err != nil) {
			t.Errorf("%.100q: got %.100q, the host says %v", text, got, err)
			continue
		} else if refused {
			offset, _, _ := strings.Cut(got[2:], " ")
			if at, err := strconv.Atoi(offset); err != nil || at > len(text) {
				t.Errorf("%.100q: got %.100q", text, got)
			}
			continue
		}
		good++
		if !reflect.DeepEqual(decoded(t, got), decoded(t, text)) {
			t.Errorf("%.100q was read as %.100q", text, got)
		}
	}
	if good < 20 {
		t.Errorf("only %d of %d texts were JSON", good, len(texts))
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%.100q: %v", text, err)
	}
	return v
}

func TestIntegers(t *testing.T) {
	cases := map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "0e999999999999": "0", "-0.000e-5": "0", "1": "1", "-1": "-1", "3.0": "3", "3.00e0": "3", "3e2": "300", "30e-1": "3",
		"1200": "1200", "1200.00": "1200", "12.34e2": "1234", "12.34e1": "none", "0.001e3": "1", "1.5": "none", "1e-1": "none",
		"9223372036854775807": "9223372036854775807", "9223372036854775808": "none", "-9223372036854775808": "-9223372036854775808", "-9223372036854775809": "none",
		"9223372036854775807.0": "9223372036854775807", "922337203685477580700e-2": "9223372036854775807", "1e18": "1000000000000000000", "1e19": "none", "1e400": "none",
		"1e99999999999999999999": "none", "1e-99999999999999999999": "none", "99999999999999999999": "none", "1" + strings.Repeat("0", 5000): "none",
		"1" + strings.Repeat("0", 5000) + "e-5000": "1", "0." + strings.Repeat("0", 5000) + "1e5001": "1",
		`"1"`: "none", "true": "none", "null": "none", "[1]": "none",
	}
	var texts []string
	for text := range cases {
		texts = append(texts, text)
	}
	for i, got := range run(t, driver(t), 'i', texts) {
		if want := cases[texts[i]]; got != want {
			t.Errorf("%.50s: got %s, want %s", texts[i], got, want)
		}
	}
}

func TestDoubles(t *testing.T) {
	texts := []string{
		"0", "-0", "1", "-1", "0.1", "0.3", "1e22", "1e23", "9007199254740993", "9007199254740992.5", "9007199254740993.0000000000000000000000000000001",
		"1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e309", "1e99999999999", "1e-99999999999",
		"5e-324", "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "2.5e-324", "2e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "2.2250738585072012e-308",
		"6.929001713869936e+236", "123456789012345678901234567890", "0.000001", "0.0000001", "1e21", "1e20", "123456789012345680000", "100", "1.5e300", "4.35", "5e-7", "2e0", "8.41e21", "9.5367431640625e-7",
		"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
		"0." + strings.Repeat("0", 400) + "1e400", strings.Repeat("9", 800), "0." + strings.Repeat("3", 2000),
		"2.4703282292062327208299191415570" + strings.Repeat("0", 800) + "1e-324",
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 1500 {
		d := math.Float64frombits(random.Uint64())
		if math.IsNaN(d) || math.IsInf(d, 0) {
			continue
		}
		texts = append(texts, strconv.FormatFloat(d, 'e', random.IntN(25), 64), strconv.FormatFloat(d, 'g', -1, 64),
			strconv.FormatFloat(math.Round(random.NormFloat64()*1e6)/100, 'f', -1, 64))
		// Half-way to the next one, exactly, and a little beside it.
		if half := halfway(d); half != "" {
			texts = append(texts, half+"e0", half[:len(half)-1]+"4e0", half+"0001e0")
		}
	}
	for i, got := range run(t, driver(t), 'd', texts) {
		text := texts[i]
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			if got != "none" {
				t.Errorf("%.100s: got %s, want none", text, got)
			}
			continue
		}
		bits, written, _ := strings.Cut(got, " ")
		if n, err := strconv.ParseInt(bits, 10, 64); err != nil || uint64(n) != math.Float64bits(want) {
			t.Errorf("%.100s: got %s, want %d", text, got, int64(math.Float64bits(want)))
			continue
		}
		if back, err := strconv.ParseFloat(written, 64); err != nil || math.Float64bits(back) != math.Float64bits(want) || !json.Valid([]byte(written)) {
			t.Errorf("%.100s: written as %s", text, written)
		}
		if shortest := strconv.FormatFloat(want, 'e', -1, 64); digits(written) != digits(shortest) {
			t.Errorf("%.100s: written as %s, %s is shorter", text, written, shortest)
		}
	}
}

// Where Go itself goes wrong: it counts no digits beyond the 800th.
func TestDoublesOfManyDigits(t *testing.T) {
	got := run(t, driver(t), 'd', []string{"1" + strings.Repeat("0", 900) + "e-900"})
	if want := "4607182418800017408 1"; got[0] != want {
		t.Errorf("got %s, want %s", got[0], want)
	}
}

// halfway is the exact decimal number between a double and the next one, where it is
// not too long to write.
func halfway(d float64) string {
	next := math.Nextafter(d, math.Inf(1))
	if a := math.Abs(d); a < 1e-3 || a > 1e15 || math.Abs(next) > 1e15 {
		return ""
	}
	// Both have at most 62 binary places, so that their mean is exact with 63.
	const places = 70
	sum := strconv.FormatFloat(d, 'f', places, 64)
	other := strconv.FormatFloat(next, 'f', places, 64)
	return mean(sum, other)
}

// mean adds two decimal numbers of equally many places and of one sign, and halves.
func mean(a, b string) string {
	sign := ""
	if a[0] == '-' && b[0] == '-' {
		sign, a, b = "-", a[1:], b[1:]
	}
	if a[0] == '-' || b[0] == '-' {
		return ""
	}
	width := max(len(a), len(b))
	a, b = strings.Repeat("0", width-len(a))+a, strings.Repeat("0", width-len(b))+b
	sum := make([]byte, width)
	carry := byte(0)
	for i := width - 1; i >= 0; i-- {
		if a[i] == '.' {
			sum[i] = '.'
			continue
		}
		n := a[i] - '0' + b[i] - '0' + carry
		sum[i], carry = '0'+n%10, n/10
	}
	rest := carry
	for i := range sum {
		if sum[i] == '.' {
			continue
		}
		n := rest*10 + sum[i] - '0'
		sum[i], rest = '0'+n/2, n%2
	}
	if rest != 0 {
		return ""
	}
	text := strings.TrimLeft(strings.TrimRight(string(sum), "0"), "0")
	if strings.HasPrefix(text, ".") {
		text = "0" + text
	}
	return sign + text
}

// digits are a number's, without zeros at either end.
func digits(number string) string {
	mantissa, _, _ := strings.Cut(strings.TrimPrefix(number, "-"), "e")
	return strings.Trim(strings.Replace(mantissa, ".", "", 1), "0")
}

func TestEntries(t *testing.T) {
	cases := map[string]string{
		`{"name":"a","lines":[{"n":1},{"n":2}]}`:       `{"name":"a","sum":6,"half":1.5,"flag":false,"second":{"n":2}}`,
		`{"flag":true,"lines":[],"name":"\u0041\"\n"}`: `{"name":"A\"\n","sum":0,"half":0,"flag":true,"second":null}`,
		`{"name":"a"}`:            `bad_input: "/lines" must be a list, found nothing`,
		`[]`:                      `bad_input: "" must be an object, found []`,
		`{"name":"a","lines":{}}`: `bad_input: "/lines" must be a list, found {}`,
		`{"name":3,"lines":[]}`:   `bad_input: "/name" must be a string, found 3`,
		`{"name":"a","lines":[{"n":1},{"n":"2"}]}`:                  `bad_input: "/lines/1/n" must be an integer, found "2"`,
		`{"name":"a","lines":[{"n":1},7]}`:                          `bad_input: "/lines/1" must be an object, found 7`,
		`{"name":"a","lines":[{"n":1.5}]}`:                          `bad_input: "/lines/0/n" must be an integer of 64 bits, found 1.5`,
		`{"name":"a","lines":["` + strings.Repeat("é", 100) + `"]}`: `bad_input: "/lines/0" must be an object, found "` + strings.Repeat("é", 49) + `…`,
		`{"name":"fail","lines":[]}`:                                `first: a b -3 1099511627776 100%`,
		`{"name":"big","lines":[]}`:                                 `{"bytes":99998}`,
		`{"name":"denied","lines":[]}`:                              `capability_denied: no grant`,
		`{"name":"a","lines":[],"flag":null}`:                       `bad_input: "/flag" must be true or false, found null`,
		`{"name":`:                                                  `! 8 the document ends too early`,
	}
	var texts []string
	for text := range cases {
		texts = append(texts, text)
	}
	for i, got := range run(t, driver(t), 'e', texts) {
		if want := cases[texts[i]]; got != want {
			t.Errorf("%.100s:\n got %s\nwant %s", texts[i], got, want)
		}
	}
}
