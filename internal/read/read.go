package read

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Wrap says what was read when that failed.
func Wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Get reads one object; nil when it does not exist. An empty name never exists. What it
// returns is the cache's own, to be read and not to be changed.
func Get[T any, P interface {
	*T
	client.Object
}](ctx context.Context, r client.Reader, key client.ObjectKey) (*T, error) {
	if key.Name == "" {
		return nil, nil
	}
	obj := P(new(T))
	if err := r.Get(ctx, key, obj, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, err
	}
	return (*T)(obj), nil
}
