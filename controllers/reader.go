package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// liveReader asks the API server again, a few times and soon, when a read fails
// for a reason that passes. A removal rests on a dozen reads that must all
// succeed in one round: when each fifth failed, it took many minutes.
type liveReader struct{ client.Reader }

// again is how often, and how soon, a read is repeated: 350 ms in all.
var again = wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Steps: 4}

// Get implements client.Reader.
func (r liveReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return retry.OnError(again, fleeting, func() error { return r.Reader.Get(ctx, key, o, opts...) })
}

// List implements client.Reader.
func (r liveReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return retry.OnError(again, fleeting, func() error { return r.Reader.List(ctx, list, opts...) })
}
