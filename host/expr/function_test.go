package expr_test

import "testing"

// Functions that neither DESIGN.md nor CEL's conformance tests speak of.
func TestFunctions(t *testing.T) {
	for src, want := range map[string]string{
		`[1, 2.5, 3].sum()`:                       `6.5`,
		`[].sum()`:                                `0`,
		`[1, "a"].sum()`:                          `!sum needs a list of numbers, found a string in it`,
		`["b", "a"].min()`:                        `"a"`,
		`[1, 3, 2].max()`:                         `3`,
		`[].max()`:                                `!max of an empty list`,
		`[1, "a"].max()`:                          `!cannot compare a string with a number`,
		`[3, 1, 2].sort()`:                        `[1,2,3]`,
		`["b", "a"].sort().reverse()`:             `["b","a"]`,
		`[{"n": 2}, {"n": 1}].sortBy(x, x.n)`:     `[{"n":1},{"n":2}]`,
		`[true, false].sort()`:                    `[false,true]`,
		`[null].sort()`:                           `!cannot compare null with null`,
		`[1, [2, [3]]].flatten()`:                 `[1,2,[3]]`,
		`[1, [2, [3]]].flatten(2)`:                `[1,2,3]`,
		`[1].flatten(-1)`:                         `!negative`,
		`[1, 2, 1.0, "1", null, null].distinct()`: `[1,2,"1",null]`,
		`[1, 2, 3].slice(1, 3)`:                   `[2,3]`,
		`[1, 2, 3].slice(2, 4)`:                   `!out of range: the list has 3 elements`,
		`lists.range(3)`:                          `[0,1,2]`,
		`lists.range(-1)`:                         `!out of range`,
		`[5, 6].first().orValue(0)`:               `5`,
		`[5, 6].last().value()`:                   `6`,
		`[].first().value()`:                      `!the optional value is absent`,
		`input.first()`:                           `!first needs a list, found an object`,
		`optional.unwrap([optional.of(1), optional.none()])`: `[1]`,
		`[optional.none(), optional.of(2)].unwrapOpt()`:      `[2]`,
		`optional.none().or(optional.of(4)).value()`:         `4`,
		`input.name.orValue(1)`:                              `!orValue needs an optional value`,
		`input.name.hasValue()`:                              `!hasValue needs an optional value`,
		`optional.ofNonZeroValue("").hasValue()`:             `false`,
		`input.?list.optFlatMap(l, l[?1]).orValue(0)`:        `20.0`,
		`sets.contains([1, 2, 3], [3.0, 1])`:                 `true`,
		`sets.contains([1], [2])`:                            `false`,
		`sets.equivalent([1, 2, 1], [2, 1.0])`:               `true`,
		`sets.intersects([1, 2], [2.0, 5])`:                  `true`,
		`sets.intersects([1], [])`:                           `false`,
		`sets.intersects(input, [])`:                         `!sets.intersects needs a list, found an object`,
		`math.sqrt(2.25)`:                                    `1.5`,
		`math.sqrt(-1)`:                                      `!negative number`,
		`math.sqrt(state.big)`:                               `94906265.62425156`,
		`math.abs(-2.5) + math.sign(-3)`:                     `1.5`,
		`math.abs(-state.big)`:                               `9007199254740993`,
		`math.round(2.5) + math.floor(-0.5)`:                 `2`,
		`math.ceil(state.big)`:                               `9007199254740993`,
		`math.greatest(input.list)`:                          `3e1`,
		`math.least(input.name, 1)`:                          `!math.least needs numbers, found a string`,
		`math.least(output.n)`:                               `3`,
		`strings.quote("a\"b\n")`:                            `"\"a\\\"b\\n\""`,
		`"a-b-c".replace("-", "+", 1)`:                       `"a+b-c"`,
		`"abc".replace("", "-")`:                             `"-a-b-c-"`,
		`"abcabc".lastIndexOf("b")`:                          `4`,
		`"abc".substring(2, 1)`:                              `!the end 1 is before the start 2`,
		`"abc".substring(0.5)`:                               `!the start must be a whole number`,
		`["a", 1].join()`:                                    `!join needs a list of strings, found a number in it`,
		`input.name.startsWith(output.n)`:                    `!startsWith needs a string, found a number`,
		`bool("yes")`:                                        `!neither true nor false`,
		`string(input)`:                                      `!string needs a number, a boolean or a string, found an object`,
		`double("1e400")`:                                    `!beyond the range of numbers`,
		`double("0x1")`:                                      `!"0x1" is no number`,
		`uint(-1)`:                                           `!uint: -1 is negative`,
		`int("12345678901234567890") + 1`:                    `12345678901234567891`,
		`[1, 2].transformMap(i, v, v * 2).map(k, k)`:         `!the key of an object must be a string, found a number`,
		`["a", "b"].transformMapEntry(i, v, {v: i})`:         `{"a":0,"b":1}`,
		`["a", "a"].transformMapEntry(i, v, {v: i})`:         `!two members have the key "a"`,
		`["a"].transformMapEntry(i, v, dyn(1))`:              `!transformMapEntry needs an object for each element`,
		`inputs.transformMap(k, v, k != "parse", size(v))`:   `{"score":1}`,
		`inputs.exists(k, v, k == "parse" && v == [1, 2.0])`: `true`,
		`[1, 2, 2].existsOne(i, v, v == 2)`:                  `false`,
		`[input.list, input.nested].map(x, size(x))`:         `[3,2]`,
		`input.name.map(x, x)`:                               `!cannot go over a string: a list or an object is needed`,
		`input.list.filter(x, x)`:                            `!a filter needs a boolean, found a number`,
		`cel.bind(e, input.missing, true)`:                   `true`,
		`cel.bind(e, input.missing, e)`:                      `!no such key: "missing" in input`,
		`"x" in output.n`:                                    `!in needs a list or an object on its right, found a number`,
		`output.n in inputs`:                                 `false`,
		`{"a": {"b": [1, 2]}} == {"a": {"b": [1.0, 2e0]}}`:   `true`,
		`duration("90m").getHours()`:                         `1`,
		`string(duration("1h1m") - duration("30s"))`:         `"3630s"`,
		`string(timestamp(0))`:                               `"1970-01-01T00:00:00Z"`,
		`timestamp("2024-01-01T00:00:00Z") < timestamp("2024-01-01T01:00:00+02:00")`: `false`,
		`timestamp("yesterday") == null`:                                             `!`,
		`"%s".format([{"b": [1, "x", null], "a": true}])`:                            `"{a: true, b: [1, x, null]}"`,
		`"%d %d".format([1])`:                                                        `!more clauses than the list has elements`,
		`"%".format([1])`:                                                            `!a clause has no end`,
		`"%.999f".format([1])`:                                                       `!precision`,
	} {
		got, err := eval(t, src)
		switch {
		case want[0] == '!' && err == nil:
			t.Errorf("%s gave %s, must fail with %s", src, got, want[1:])
		case want[0] == '!':
			contains(t, err.Error(), want[1:])
		case err != nil:
			t.Errorf("%s failed: %v", src, err)
		case got != want:
			t.Errorf("%s gave %s, must be %s", src, got, want)
		}
	}
}
