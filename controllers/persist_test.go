package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/govplatform/govplatform/internal/skew"
)

var (
	resource  = schema.GroupResource{Resource: "namespaces"}
	errReset  = fmt.Errorf("read: %w", &url.Error{Op: "Get", URL: "https://x", Err: errors.New("connection reset by peer")})
	forbidden = apierrors.NewForbidden(resource, "x", errors.New("no right"))
	noMatch   = &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Agency"}, SearchedVersions: []string{"v1alpha1"}}
)

// TestPersist: a step is repeated while its failures are of those that pass, and
// no longer than the start may take.
// Fails when fleeting knows only answers of the API server, and when persist does
// not look at the time.
func TestPersist(t *testing.T) {
	discovery := apiutil.ErrResourceDiscoveryFailed{{Group: "apps", Version: "v1"}: apierrors.NewInternalError(errors.New("x"))}
	for _, c := range []struct {
		name  string
		err   error
		tries int // after which it works; -1 for never
		want  string
	}{
		{"nothing", nil, 1, ""},
		{"internal error", apierrors.NewInternalError(errors.New("x")), 3, ""},
		{"too many requests", apierrors.NewTooManyRequests("x", 1), 3, ""},
		{"timeout of the server", apierrors.NewTimeoutError("x", 1), 3, ""},
		{"connection", errReset, 3, ""},
		{"half an answer", fmt.Errorf("decode: %w", io.ErrUnexpectedEOF), 3, ""},
		{"no answer in time", context.DeadlineExceeded, 3, ""},
		{"discovery", fmt.Errorf("discover: %w", &discovery), 3, ""},
		{"a role that is new", forbidden, 3, ""},
		{"a definition that is new", noMatch, 3, ""},
		{"never an answer", errReset, -1, "could not try within 1s; the last attempt: read: Get"},
		{"refused by admission", apierrors.NewForbidden(resource, "x", errors.New(`ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no`)), -1, "denied request"},
		{"an older definition", skew.Error([]skew.Finding{{Name: "agencies", Kind: "Agency", Missing: []string{"status.x"}}}), -1, "status.x"},
		{"not found", apierrors.NewNotFound(resource, "x"), -1, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := &Operator{StartTimeout: time.Second, began: time.Now()}
			tries := 0
			err := o.persist(t.Context(), "try", func(context.Context) error {
				if tries++; tries == c.tries {
					return nil
				}
				return c.err
			})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("after %d attempts: %v, want %q", tries, err, c.want)
			}
			if c.tries > 0 && tries != c.tries {
				t.Errorf("%d attempts, want %d", tries, c.tries)
			}
			if took := time.Since(o.began); took > 1500*time.Millisecond {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestPersistSettles: a refusal that lasts ends the start long before its time.
func TestPersistSettles(t *testing.T) {
	o := &Operator{StartTimeout: time.Minute, began: time.Now()}
	err := o.persist(t.Context(), "try", func(context.Context) error { return forbidden })
	if took := time.Since(o.began); !apierrors.IsForbidden(err) || took < settleTimeout || took > 3*settleTimeout {
		t.Errorf("after %s: %v", took, err)
	}
}

// TestPersistIsStopped: a start that is stopped ends at once.
func TestPersistIsStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	o := &Operator{StartTimeout: time.Minute, began: time.Now()}
	err := o.persist(ctx, "try", func(context.Context) error { return errReset })
	if took := time.Since(o.began); err == nil || !strings.Contains(err.Error(), "was stopped") || took > 2*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

// TestLiveReader: a read that fails in passing is repeated, and no other.
// Fails when the reader is that of controller-runtime.
func TestLiveReader(t *testing.T) {
	for _, c := range []struct {
		name         string
		err          error
		fails, reads int
		works        bool
	}{
		{"works", nil, 0, 1, true},
		{"three failures", errReset, 3, 4, true},
		{"an API server that is away", errReset, 99, 4, false},
		{"not found", apierrors.NewNotFound(resource, "x"), 99, 1, false},
		{"forbidden", forbidden, 99, 1, false},
	} {
		for kind, read := range map[string]func(client.Reader) error{
			"get": func(r client.Reader) error {
				return r.Get(t.Context(), client.ObjectKey{Name: "x"}, &corev1.Namespace{})
			},
			"list": func(r client.Reader) error { return r.List(t.Context(), &corev1.NamespaceList{}) },
		} {
			failing := &failingReader{err: c.err, left: c.fails}
			if err := read(liveReader{failing}); (err == nil) != c.works || failing.reads != c.reads {
				t.Errorf("%s, %s: %d reads and %v, want %d", c.name, kind, failing.reads, err, c.reads)
			}
		}
	}
}

// failingReader fails some times.
type failingReader struct {
	err         error
	left, reads int
}

func (r *failingReader) next() error {
	r.reads++
	if r.left--; r.left >= 0 {
		return r.err
	}
	return nil
}

func (r *failingReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.next()
}

func (r *failingReader) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return r.next()
}
