package watches

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/internal/unreadable"
)

// List returns a request for every object that the options select in the cache.
// A watch handler has nobody to return an error to, so it is logged.
func List(ctx context.Context, r client.Reader, list client.ObjectList, opts ...client.ListOption) []ctrl.Request {
	if err := r.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency, unreadable.Skip)...); err != nil {
		log.FromContext(ctx).Error(err, "Could not list objects for an event")
		return nil
	}
	var out []ctrl.Request
	// The callback never fails.
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if c, ok := o.(client.Object); ok {
			out = append(out, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(c)})
		}
		return nil
	})
	return out
}
