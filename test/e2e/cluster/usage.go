package cluster

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Memory returns the resident memory of every program in the namespaces in MiB by its name, pods included and the
// calling program excluded. Pages that programs share count for each of them.
func (c *Cluster) Memory() map[string]int {
	used := map[string]int{}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, path := range processes {
		pid := filepath.Base(path)
		if pid == strconv.Itoa(os.Getpid()) || pid == "1" {
			continue
		}
		arguments, err := os.ReadFile(filepath.Join(path, "cmdline"))
		if err != nil {
			continue // It has just ended.
		}
		program, _, _ := strings.Cut(string(arguments), "\x00")
		if size := memoryOf(pid); size > 0 {
			used[filepath.Base(program)] += size
		}
	}
	return used
}

// memoryOf returns the resident memory of a process in MiB.
func memoryOf(pid string) int {
	content, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}
