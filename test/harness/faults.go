package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Faults stands between an operator and the API server, at the transport. Every field
// may be nil.
type Faults struct {
	// Fail ends a request without an answer, before the server has it.
	Fail func(*http.Request) error
	// Answer answers a request instead of the server; nil lets it pass.
	Answer func(*http.Request) *metav1.Status
	// Answered sees each answer of the server; an error takes its place.
	Answered func(*http.Request, *http.Response) error
	// Late is how late the events of a watch of a path come; they stay in order.
	Late func(path string) time.Duration
	// Events makes one event of a watch of a path, a line of JSON, into several or none.
	Events func(path string, line []byte) [][]byte
	next   http.RoundTripper
}

// Errors of a connection.
var (
	ErrReset  = errors.New("read: connection reset by peer")
	ErrKilled = errors.New("killed")
)

// Expired is the event by which the API server ends a watch that it can't continue.
var Expired = []byte(`{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}` + "\n")

// Wrap returns a transport with the faults, for OperatorOptions.
func (f *Faults) Wrap(next Transport) Transport {
	out := *f
	out.next = next
	return &out
}

// Failure is the API server's answer to a request that fails.
func Failure(code int32, reason metav1.StatusReason, message string) *metav1.Status {
	return &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message}
}

// TooLarge is the API server's answer to an object that etcd does not take.
func TooLarge() *metav1.Status {
	return Failure(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcdserver: request is too large")
}

// Conflict is the API server's answer to a version that is not the present one.
func Conflict() *metav1.Status {
	return Failure(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified")
}

// Invalid is the API server's answer to a field that it does not take.
func Invalid(field, message string) *metav1.Status {
	s := Failure(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, field+": "+message)
	s.Details = &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: field, Message: message}}}
	return s
}

// IsWatch reports whether a request opens a watch.
func IsWatch(req *http.Request) bool {
	v := req.URL.Query().Get("watch")
	return v == "true" || v == "1"
}

// IsWrite reports whether a request changes something of the platform. Leases and Events
// are no part of it, and a dry run and a question about rights store nothing.
func IsWrite(req *http.Request) bool {
	return req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "/leases") && !strings.HasSuffix(req.URL.Path, "/events") &&
		!strings.Contains(req.URL.Path, "/selfsubject") && !req.URL.Query().Has("dryRun")
}

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.Fail != nil {
		if err := f.Fail(req); err != nil {
			drop(req)
			return nil, err
		}
	}
	if f.Answer != nil {
		if s := f.Answer(req); s != nil {
			return answer(req, s)
		}
	}
	watched := IsWatch(req) && (f.Late != nil || f.Events != nil)
	if watched {
		req = asJSON(req)
	}
	res, err := f.next.RoundTrip(req)
	if err == nil && watched && res.StatusCode == http.StatusOK {
		res.Body = f.stream(req.URL.Path, res.Body)
	}
	if err == nil && f.Answered != nil {
		if lost := f.Answered(req, res); lost != nil {
			_ = res.Body.Close()
			return nil, lost
		}
	}
	return res, err
}

// asJSON asks for a watch of which each line is an event.
func asJSON(req *http.Request) *http.Request {
	req = req.Clone(req.Context())
	accept := "application/json"
	if strings.Contains(req.Header.Get("Accept"), "as=PartialObjectMetadata") {
		accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	}
	req.Header.Set("Accept", accept)
	return req
}

func drop(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func answer(req *http.Request, s *metav1.Status) (*http.Response, error) {
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	drop(req)
	return &http.Response{
		StatusCode: int(s.Code), Status: http.StatusText(int(s.Code)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}
