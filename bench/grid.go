// Printing and the few statistics that the tables share.
package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// page is where the tables go. It keeps its first error.
type page struct {
	w   io.Writer
	err error
}

func (p *page) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// grid is rows of cells, the first column to the left, the others to the right.
type grid [][]string

func (g grid) print(p *page) {
	var widths []int
	for _, row := range g {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range g {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		p.printf("%s\n", strings.TrimRight(line.String(), " "))
	}
}

// ratio formats a against b; 0 stands for not measured.
func ratio(a, b time.Duration) (float64, string) {
	if a == 0 || b == 0 {
		return 0, "-"
	}
	r := float64(a) / float64(b)
	return r, fmt.Sprintf("%.2f", r)
}

// geometricMean leaves out what was not measured.
func geometricMean(values []float64) (float64, string) {
	sum, n := 0.0, 0
	for _, v := range values {
		if v > 0 {
			sum += math.Log(v)
			n++
		}
	}
	if n == 0 {
		return 0, "-"
	}
	mean := math.Exp(sum / float64(n))
	return mean, fmt.Sprintf("%.2f", mean)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// lowest gives the minimum and the median of some times, which it sorts.
func lowest(times []time.Duration) (minimum, median time.Duration) {
	slices.Sort(times)
	return times[0], times[len(times)/2]
}
