package expr

// Timestamps and durations, which are read from strings: there is no now. Fields
// are those of UTC or of a fixed offset such as "+02:00"; named time zones are
// not there, since their rules differ between machines.

import (
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
)

// typeTypeOf is the checker's type of type(x).
func typeTypeOf() *types.Type { return types.NewTypeTypeWithParam(tA) }

var timeTable = []function{
	{"timestamp", timestamp, []signature{calls(tTime, tString), calls(tTime, tTime), calls(tTime, tNumber)}},
	{"duration", duration, []signature{calls(tDuration, tString), calls(tDuration, tDuration)}},
	{"getFullYear", timeField("getFullYear", time.Time.Year), onTime},
	{"getMonth", timeField("getMonth", func(t time.Time) int { return int(t.Month()) - 1 }), onTime},
	{"getDate", timeField("getDate", time.Time.Day), onTime},
	{"getDayOfMonth", timeField("getDayOfMonth", func(t time.Time) int { return t.Day() - 1 }), onTime},
	{"getDayOfWeek", timeField("getDayOfWeek", func(t time.Time) int { return int(t.Weekday()) }), onTime},
	{"getDayOfYear", timeField("getDayOfYear", func(t time.Time) int { return t.YearDay() - 1 }), onTime},
	{"getHours", part("getHours", time.Hour, time.Time.Hour), onBoth},
	{"getMinutes", part("getMinutes", time.Minute, time.Time.Minute), onBoth},
	{"getSeconds", part("getSeconds", time.Second, time.Time.Second), onBoth},
	{"getMilliseconds", part("getMilliseconds", time.Millisecond, func(t time.Time) int {
		return t.Nanosecond() / 1e6
	}), onBoth},
}

var (
	onTime = []signature{method(tNumber, tTime), method(tNumber, tTime, tString)}
	onBoth = append([]signature{method(tNumber, tDuration)}, onTime...)
)

// checkTime keeps timestamps within the years 1 to 9999, as RFC 3339 can write.
func checkTime(t time.Time) (any, error) {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return nil, failf("the timestamp is out of range: the years 1 to 9999")
	}
	return t, nil
}

func timestamp(f *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case time.Time:
		return x, nil
	case string:
		t, err := time.Parse(time.RFC3339Nano, x)
		if err != nil {
			return nil, failf("timestamp: %q is not of the form 2006-01-02T15:04:05Z", clip(x))
		}
		return checkTime(t)
	}
	n, err := f.integer(a[0], "the number of seconds of a timestamp")
	if err != nil {
		return nil, err
	}
	return checkTime(time.Unix(int64(n), 0))
}

func duration(_ *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case time.Duration:
		return x, nil
	case string:
		d, err := time.ParseDuration(x)
		if err != nil {
			return nil, failf("duration: %q is not of the form 1h30m or 1.5s", clip(x))
		}
		return d, nil
	}
	return nil, failf("duration needs a string, found %s", describe(a[0]))
}

func timeField(name string, get func(time.Time) int) func(*frame, []any) (any, error) {
	return func(_ *frame, a []any) (any, error) {
		t, ok := a[0].(time.Time)
		if !ok {
			return nil, failf("%s needs a timestamp, found %s", name, describe(a[0]))
		}
		if len(a) > 1 {
			zone, err := fixedZone(a[1])
			if err != nil {
				return nil, err
			}
			t = t.In(zone)
		}
		return float64(get(t)), nil
	}
}

// part is a field of a timestamp, or a whole duration in a unit; of a
// duration's milliseconds only what is beyond its seconds, as CEL has it.
func part(name string, unit time.Duration, get func(time.Time) int) func(*frame, []any) (any, error) {
	field := timeField(name, get)
	return func(f *frame, a []any) (any, error) {
		d, ok := a[0].(time.Duration)
		if !ok {
			return field(f, a)
		}
		if unit == time.Millisecond {
			d %= time.Second
		}
		return float64(d / unit), nil
	}
}

// fixedZone reads "UTC" or an offset.
func fixedZone(v any) (*time.Location, error) {
	s, ok := v.(string)
	if !ok {
		return nil, failf("a time zone is a string, found %s", describe(v))
	}
	if s == "UTC" || s == "Z" {
		return time.UTC, nil
	}
	signed := s
	if !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "+") {
		signed = "+" + s
	}
	t, err := time.Parse("-07:00", signed)
	if err != nil {
		return nil, failf("the time zone %q is not \"UTC\" or an offset such as \"+02:00\": "+
			"the rules of named zones differ between machines", clip(s))
	}
	_, seconds := t.Zone()
	return time.FixedZone(s, seconds), nil
}
