//go:build !linux

package e2e

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const outsideIP = "203.0.113.1"

var errLinux = errors.New("a real node needs Linux")

func startOutside(t *testing.T) { t.Fatal(errLinux) }

func inNetwork(string, func() error) error { return errLinux }

func processOf(*corev1.Pod, string) (int, error) { return 0, errLinux }
