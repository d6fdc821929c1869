// Labours: pieces of work that take turns, so that what disturbs one disturbs all.
package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// labour does the same work again and again, and says how often it did.
type labour struct {
	name string
	work func() (lap, error)
}

// A lap is one turn of a labour.
type lap struct {
	times int // how often the work was done
	// What it took, where another process did it and has measured itself; else 0.
	wall, cpu time.Duration
}

// inProcess makes a labour's work of a function that does it so many times.
func inProcess(times int, work func() error) func() (lap, error) {
	return func() (lap, error) { return lap{times: times}, work() }
}

// measured is what the labours took in each round, by lane: for one piece of work.
type measured struct {
	wall, cpu [][]time.Duration
}

// interleave has each lane work once a round, after one round that is not counted.
// No lane always follows the same one, nor is it always the first.
func interleave(labours []labour, rounds int) (measured, error) {
	m := measured{make([][]time.Duration, len(labours)), make([][]time.Duration, len(labours))}
	for round := range rounds + 1 {
		for k := range labours {
			i := (k + round) % len(labours)
			l := labours[i]
			cpu, begin := processTime(), time.Now()
			did, err := l.work()
			if err != nil {
				return m, fmt.Errorf("%s: %w", l.name, err)
			}
			wall, used := time.Since(begin), processTime()-cpu
			if did.wall > 0 {
				wall, used = did.wall, did.cpu
			}
			if round > 0 {
				m.wall[i] = append(m.wall[i], wall/time.Duration(did.times))
				m.cpu[i] = append(m.cpu[i], used/time.Duration(did.times))
			}
		}
	}
	return m, nil
}

// times is the median of the rounds' ratios of two labours.
func (m measured) times(a, b int) float64 {
	var ratios []float64
	for i, t := range m.wall[a] {
		ratios = append(ratios, float64(t)/float64(m.wall[b][i]))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// median and least are of a labour's rounds.
func (m measured) median(lane int) (wall, cpu time.Duration) {
	_, wall = lowest(slices.Clone(m.wall[lane]))
	_, cpu = lowest(slices.Clone(m.cpu[lane]))
	return wall, cpu
}

func (m measured) least(lane int) (wall, cpu time.Duration) {
	return slices.Min(m.wall[lane]), slices.Min(m.cpu[lane])
}

// together does something for each of the runs at once.
func together(run func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, durableRuns)
	for i := range durableRuns {
		wg.Go(func() { errs[i] = run(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f", inMicros(d)) }

func inMicros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
