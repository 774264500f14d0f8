package datasharinglink

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// behind is a cache that has not seen what the operator wrote, and is empty.
type behind struct{ client.Client }

var errBehind = errors.New("the cache is behind")

func (behind) Get(_ context.Context, key client.ObjectKey, _ client.Object, opts ...client.GetOption) error {
	var o client.GetOptions
	if o.ApplyOptions(opts); o.DisableReadYourWritesConsistency {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	return errBehind
}

func (behind) List(_ context.Context, _ client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	if o.ApplyOptions(opts); o.DisableReadYourWritesConsistency {
		return nil
	}
	return errBehind
}

// TestClosingWaitsForNoWrite: that an open link is closed is decided while the cache
// waits for what the operator wrote of other agencies. Fails when every look
// waits.
func TestClosingWaitsForNoWrite(t *testing.T) {
	r := &Reconciler{Client: behind{}, Now: time.Now}
	l := &v1alpha1.DataSharingLink{}
	l.Namespace, l.Name = "agency-asks", "link"
	l.Spec.Provider.Agency, l.Spec.Provider.Service = "gives", "data"
	l.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy"}}
	l.Spec.Consumer.PortalRef.Name = "asks"
	in, err := r.Gather(t.Context(), l)
	if out := r.Decide(in); err != nil || out.Open {
		t.Errorf("open %t: %v", out.Open, err)
	}
}
