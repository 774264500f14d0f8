package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpu is how much processor time was used until a moment.
type cpu struct {
	at time.Time
	// self is this process, which the operator or the bare client is part of; below
	// are its children, the control plane; all is the machine, 0 where it does not say.
	self, below, all time.Duration
}

func cpuNow() cpu {
	c := cpu{at: time.Now()}
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		c.self = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name of the program, in brackets, may hold anything.
		f := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		if len(f) > 12 && f[1] == strconv.Itoa(os.Getpid()) {
			c.below += ticks(f[11]) + ticks(f[12])
		}
	}
	raw, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(raw), "\n")
	for i, v := range strings.Fields(strings.TrimPrefix(line, "cpu ")) {
		if i != 3 && i != 4 && i < 8 { // Not idle, and not waiting for a disk; guests are counted already.
			c.all += ticks(v)
		}
	}
	return c
}

// ticks are the kernel's, a hundredth of a second each.
func ticks(s string) time.Duration {
	n, _ := strconv.Atoi(s)
	return time.Duration(n) * 10 * time.Millisecond
}

// since is what was used since an earlier moment.
func (c cpu) since(earlier cpu) used {
	return used{wall: c.at.Sub(earlier.at), self: c.self - earlier.self, below: c.below - earlier.below, all: c.all - earlier.all}
}

type used struct{ wall, self, below, all time.Duration }

// foreign is the share of the machine that others took: what it is to be trusted by.
func (u used) foreign() float64 {
	return max(0, float64(u.all-u.self-u.below)) / float64(u.wall) / float64(runtime.NumCPU())
}

func (u used) String() string {
	return fmt.Sprintf("others took %.0f%% of the machine", 100*u.foreign())
}
