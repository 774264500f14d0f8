package cli

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// noPlatform is the UID of a consent that is withheld. No object has it.
const noPlatform = "withheld-by-restore"

// narrow takes the names of withheld consents out of portals whose platform the
// cluster has: the operator could be quicker than the record.
func (r *restorer) narrow(ctx context.Context) {
	for _, w := range r.plan.Consents {
		if apierrors.IsNotFound(r.client.Get(ctx, client.ObjectKey{Name: w.Platform}, &v1alpha1.SharedPlatform{})) {
			continue
		}
		for _, phase := range r.plan.Phases {
			for _, u := range phase.Items {
				if backup.ObjectKey(u) != w.Portal {
					continue
				}
				if live, err := r.live(ctx, u); err == nil && backup.Provides(live, w.Platform) {
					continue
				}
				u.Object = r.plan.WithoutWithheld(u).Object
			}
		}
	}
}

// keepConsents gives a portal the records of the consents that are withheld. What
// was agreed in the new cluster stays; that takes changes of the spec, so in one of
// the first generation the operator was quicker.
func (r *restorer) keepConsents(live, u *unstructured.Unstructured) {
	have, _, _ := unstructured.NestedSlice(live.Object, "status", "platformConsents")
	for _, w := range r.plan.Consents {
		if w.Portal != backup.ObjectKey(u) || !backup.Provides(u, w.Platform) {
			continue
		}
		same := func(c any) bool {
			m, _ := c.(map[string]any)
			return m["name"] == w.Platform
		}
		if live.GetGeneration() > 1 && slices.ContainsFunc(have, same) {
			continue
		}
		have = append(slices.DeleteFunc(have, same), map[string]any{"name": w.Platform, "uid": noPlatform})
		_ = unstructured.SetNestedSlice(live.Object, have, "status", "platformConsents")
	}
}
