package read

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Unawaited reads the cache as it is. The operator's reads wait otherwise until
// the cache has seen what the operator wrote of the same kind: while one agency
// has it write all the time, every look at another one's would wait. What closes
// is decided by such a look; what opens waits. What was seen once is never unseen,
// so it closes nothing that a later look has opened.
func Unawaited(r client.Reader) client.Reader { return unawaitedReader{r} }

type unawaitedReader struct{ client.Reader }

// Get implements client.Reader.
func (u unawaitedReader) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	return u.Reader.Get(ctx, key, into, append(opts, client.DisableReadYourWritesConsistency)...) //nolint:wrapcheck // the reader's own
}

// List implements client.Reader.
func (u unawaitedReader) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	return u.Reader.List(ctx, into, append(opts, client.DisableReadYourWritesConsistency)...) //nolint:wrapcheck // the reader's own
}
