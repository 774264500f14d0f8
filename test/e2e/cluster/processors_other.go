//go:build !linux

package cluster

import "errors"

func pretendProcessors(int) error { return errors.New("a node needs Linux") }
