package harness

import (
	"bufio"
	"io"
	"sync"
	"time"
)

// stream passes the events of a watch on as the faults say.
func (f *Faults) stream(path string, up io.ReadCloser) io.ReadCloser {
	reader, writer := io.Pipe()
	s := &stream{PipeReader: reader, up: up, done: make(chan struct{})}
	lines := make(chan line, 1<<16)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(up, 1<<16)
		for {
			text, err := r.ReadBytes('\n')
			for _, l := range f.rewrite(path, text) {
				select {
				case lines <- l:
				case <-s.done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer func() { _ = writer.Close() }()
		for l := range lines {
			select {
			case <-time.After(time.Until(l.due)):
			case <-s.done:
				return
			}
			if _, err := writer.Write(l.text); err != nil {
				return
			}
		}
	}()
	return s
}

// line is an event of a watch and when it is passed on.
type line struct {
	due  time.Time
	text []byte
}

func (f *Faults) rewrite(path string, text []byte) []line {
	if len(text) == 0 {
		return nil
	}
	due := time.Now()
	if f.Late != nil {
		due = due.Add(f.Late(path))
	}
	if f.Events == nil {
		return []line{{due, text}}
	}
	var out []line
	for _, t := range f.Events(path, text) {
		out = append(out, line{due, t})
	}
	return out
}

// stream is a body whose lines come as the faults say.
type stream struct {
	*io.PipeReader
	up   io.ReadCloser
	done chan struct{}
	once sync.Once
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.once.Do(func() { close(s.done) })
	_ = s.PipeReader.Close()
	return s.up.Close()
}
