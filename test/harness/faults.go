package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Faults stands between an operator and the API server, at the transport.
type Faults struct {
	// Answer answers a request instead of the server; nil lets it pass.
	Answer func(*http.Request) *metav1.Status
	// Late is how late the events of a watch of a path come; they stay in order.
	Late func(path string) time.Duration
	next http.RoundTripper
}

// Wrap returns a transport with the faults, for OperatorOptions.
func (f *Faults) Wrap(next Transport) Transport {
	return &Faults{Answer: f.Answer, Late: f.Late, next: next}
}

// TooLarge is the API server's answer to an object that etcd does not take.
func TooLarge() *metav1.Status {
	return &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError, Message: "etcdserver: request is too large"}
}

// Conflict is the API server's answer to a version that is not the present one.
func Conflict() *metav1.Status {
	return &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusConflict, Reason: metav1.StatusReasonConflict, Message: "the object has been modified"}
}

// Invalid is the API server's answer to a field that it does not take.
func Invalid(field, message string) *metav1.Status {
	return &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: field + ": " + message,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: field, Message: message}}},
	}
}

// IsWatch reports whether a request opens a watch.
func IsWatch(req *http.Request) bool {
	v := req.URL.Query().Get("watch")
	return v == "true" || v == "1"
}

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.Answer != nil {
		if s := f.Answer(req); s != nil {
			return answer(req, s)
		}
	}
	if f.Late == nil || !IsWatch(req) {
		return f.next.RoundTrip(req)
	}
	// Events can be told apart in JSON only.
	req = req.Clone(req.Context())
	if bytes.Contains([]byte(req.Header.Get("Accept")), []byte("as=PartialObjectMetadata")) {
		req.Header.Set("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
	} else {
		req.Header.Set("Accept", "application/json")
	}
	res, err := f.next.RoundTrip(req)
	if err == nil && res.StatusCode == http.StatusOK {
		res.Body = delayed(res.Body, func() time.Duration { return f.Late(req.URL.Path) })
	}
	return res, err
}

func answer(req *http.Request, s *metav1.Status) (*http.Response, error) {
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return &http.Response{
		StatusCode: int(s.Code), Status: http.StatusText(int(s.Code)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// delayedBody is a stream of lines that come late.
type delayedBody struct {
	*io.PipeReader
	up   io.ReadCloser
	done chan struct{}
	once sync.Once
}

// Close implements io.Closer.
func (b *delayedBody) Close() error {
	b.once.Do(func() { close(b.done) })
	_ = b.PipeReader.Close()
	return b.up.Close()
}

// delayed passes the lines of a stream on, each so much later than it came.
func delayed(up io.ReadCloser, late func() time.Duration) io.ReadCloser {
	type line struct {
		due  time.Time
		text []byte
	}
	reader, writer := io.Pipe()
	b := &delayedBody{PipeReader: reader, up: up, done: make(chan struct{})}
	lines := make(chan line, 1<<16)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(up, 1<<16)
		for {
			text, err := r.ReadBytes('\n')
			if len(text) > 0 {
				select {
				case lines <- line{time.Now().Add(late()), text}:
				case <-b.done:
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
			case <-b.done:
				return
			}
			if _, err := writer.Write(l.text); err != nil {
				return
			}
		}
	}()
	return b
}
