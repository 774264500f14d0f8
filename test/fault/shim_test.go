package fault

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shim injects faults between the operator and the API server.
type shim struct {
	next http.RoundTripper
	// before may answer instead of the server: done is true when it did.
	before func(*http.Request) (res *http.Response, err error, done bool)
	// after may replace the server's answer.
	after func(*http.Request, *http.Response) (*http.Response, error)
	// delay of watch events by path; nil for none.
	delay func(path string) time.Duration
	// event rewrites a watch event into several, or none; nil leaves it.
	event func(path string, line []byte) [][]byte
}

func (s *shim) wrap(next http.RoundTripper) http.RoundTripper { s.next = next; return s }

func isWatch(req *http.Request) bool {
	v := req.URL.Query().Get("watch")
	return v == "true" || v == "1"
}

// isWrite reports whether a request changes something of the platform; leases and Events are no children.
func isWrite(req *http.Request) bool {
	return req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "/leases") && !strings.HasSuffix(req.URL.Path, "/events") &&
		!strings.Contains(req.URL.Path, "/selfsubject") && !req.URL.Query().Has("dryRun")
}

func (s *shim) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.before != nil {
		if res, err, done := s.before(req); done {
			return res, err
		}
	}
	watch := isWatch(req) && (s.delay != nil || s.event != nil)
	if watch {
		req = asJSON(req)
	}
	res, err := s.next.RoundTrip(req)
	if err == nil && watch && res.StatusCode == http.StatusOK {
		s.stream(req.URL.Path, res)
	}
	if err == nil && s.after != nil {
		return s.after(req, res)
	}
	return res, err
}

// asJSON asks for a watch of which each line is an event.
func asJSON(req *http.Request) *http.Request {
	req = req.Clone(req.Context())
	accept := "application/json"
	if strings.Contains(req.Header.Get("Accept"), ";as=") {
		accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	}
	req.Header.Set("Accept", accept)
	return req
}

// late is an event and when it is passed on.
type late struct {
	at   time.Time
	line []byte
}

// stream passes the events of a watch on as the shim says.
func (s *shim) stream(path string, res *http.Response) {
	upstream := res.Body
	reader, writer := io.Pipe()
	events, done := make(chan late, 100000), make(chan struct{})
	var once sync.Once
	res.Body = streamBody{reader, func() error {
		once.Do(func() { close(done) })
		_ = reader.Close()
		return upstream.Close()
	}}
	go func() {
		defer close(events)
		lines := bufio.NewReaderSize(upstream, 1<<20)
		for {
			line, err := lines.ReadBytes('\n')
			for _, l := range s.rewrite(path, line) {
				delay := time.Duration(0)
				if s.delay != nil {
					delay = s.delay(path)
				}
				events <- late{time.Now().Add(delay), l}
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer func() { _ = writer.Close() }()
		for e := range events {
			select {
			case <-time.After(time.Until(e.at)):
			case <-done:
				return
			}
			if _, err := writer.Write(e.line); err != nil {
				return
			}
		}
	}()
}

func (s *shim) rewrite(path string, line []byte) [][]byte {
	switch {
	case len(line) == 0:
		return nil
	case s.event == nil:
		return [][]byte{line}
	default:
		return s.event(path, line)
	}
}

type streamBody struct {
	io.Reader
	close func() error
}

func (b streamBody) Close() error { return b.close() }

func statusResponse(req *http.Request, code int, reason metav1.StatusReason, message string) *http.Response {
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
	return &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)),
	}
}

var (
	errKilled = errors.New("killed")
	errReset  = errors.New("read: connection reset by peer")
)
