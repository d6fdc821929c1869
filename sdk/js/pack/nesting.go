package pack

// How deep a source is nested, before esbuild reads it: its parser calls itself
// for each level and has no bound, and a stack of Go that is full ends the
// process.

// nestingMax bounds brackets within brackets, and operators and words in a row
// without a bracket or a comma. People write some tens, generators hundreds;
// esbuild takes some hundreds of thousands.
const nestingMax = 20_000

// nestedTooDeep tells whether a source passes the bound, and in which line. It
// knows texts and comments, and takes regular expressions for code: it errs by
// the brackets and quotes in them.
func nestedTooDeep(source []byte) (line int, deep bool) {
	var open, row int
	var templates []int // the depths at which a template literal goes on
	line = 1
	for i := 0; i < len(source); i++ {
		c := source[i]
		next := byte(0)
		if i+1 < len(source) {
			next = source[i+1]
		}
		switch {
		case c == '\n':
			line++
		case c == '/' && next == '/':
			for i+1 < len(source) && source[i+1] != '\n' {
				i++
			}
		case c == '/' && next == '*':
			for i += 2; i+1 < len(source) && (source[i] != '*' || source[i+1] != '/'); i++ {
				if source[i] == '\n' {
					line++
				}
			}
			i++
		case c == '"' || c == '\'':
			row++
			for i++; i < len(source) && source[i] != c && source[i] != '\n'; i++ {
				if source[i] == '\\' {
					i++
				}
			}
			if i < len(source) && source[i] == '\n' { // it was no text
				line++
			}
		case c == '`', c == '}' && len(templates) > 0 && templates[len(templates)-1] == open:
			if c == '}' {
				templates = templates[:len(templates)-1]
				open--
			}
			for i++; i < len(source) && source[i] != '`'; i++ {
				if source[i] == '\n' {
					line++
				}
				if source[i] == '\\' {
					i++
				} else if source[i] == '$' && i+1 < len(source) && source[i+1] == '{' {
					i++
					open, row = open+1, 0
					templates = append(templates, open)
					break
				}
			}
		case c == '(', c == '[', c == '{':
			open, row = open+1, 0
		case c == ')', c == ']', c == '}':
			open, row = max(open-1, 0), 0
		case c == ',', c == ';':
			row = 0
		case isWord(c):
			if i == 0 || !isWord(source[i-1]) {
				row++
			}
		case c > ' ':
			row++
		}
		if open > nestingMax || row > nestingMax {
			return line, true
		}
	}
	return 0, false
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
