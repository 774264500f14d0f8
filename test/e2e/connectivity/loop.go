package connectivity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Window is a stretch of time in which connections opened.
type Window struct {
	// First and Last are when the first and the last attempt that succeeded began.
	First, Last time.Time
	Attempts    int
}

// Length returns the time from the first to the last success. It is short of the real stretch by less than two intervals
// of the loop.
func (w Window) Length() time.Duration { return w.Last.Sub(w.First) }

func (w Window) String() string {
	return fmt.Sprintf("%d ms from %s (%d connections)", w.Length().Milliseconds(), w.First.UTC().Format("15:04:05.000"), w.Attempts)
}

// ReadLoop reads the output of portal-backend connect-loop and returns the attempts in the order in which they began. A
// last line that is cut off, as in the log of a pod that still runs, is left out.
func ReadLoop(r io.Reader) ([]Attempt, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var attempts []Attempt
	lines := bytes.Split(content, []byte("\n"))
	for i, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var a Attempt
		if err := json.Unmarshal(line, &a); err != nil {
			if i == len(lines)-1 {
				break
			}
			return nil, fmt.Errorf("line %d: %w: %s", i+1, err, line)
		}
		attempts = append(attempts, a)
	}
	slices.SortStableFunc(attempts, func(a, b Attempt) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	return attempts, nil
}

// Windows returns the stretches of consecutive attempts that succeeded.
func Windows(attempts []Attempt) []Window {
	var windows []Window
	open := false
	for _, a := range attempts {
		switch {
		case a.Open && !open:
			windows = append(windows, Window{First: a.Time, Last: a.Time, Attempts: 1})
		case a.Open:
			last := &windows[len(windows)-1]
			last.Last = a.Time
			last.Attempts++
		}
		open = a.Open
	}
	return windows
}
