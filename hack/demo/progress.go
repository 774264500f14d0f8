package main

import (
	"fmt"
	"time"
)

// quietTime is how long a count that changes quickly is not printed again.
const quietTime = 400 * time.Millisecond

// progress prints what happened and how many seconds after the start.
type progress struct {
	began   time.Time
	counted time.Time
	last    string
}

func newProgress() *progress { return &progress{began: time.Now()} }

func (p *progress) step(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// count prints a line when it is not the last one, and not too often unless it
// is the final one.
func (p *progress) count(final bool, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if line == p.last || (!final && time.Since(p.counted) < quietTime) {
		return
	}
	p.last, p.counted = line, time.Now()
	p.step("%s", line)
}
