package cli

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// patient outlasts the operator, which writes statuses of new objects.
var patient = wait.Backoff{Steps: 20, Duration: 20 * time.Millisecond, Jitter: 0.5}

// status puts back the parts of a status that nobody can observe anew: since when
// a dataset is owned, the record of decisions, which acceptance was used up, what
// standards stopped lately, what a portal ran by, what its agency did not agree to,
// and what was stopped as the authority.
// The lock is the version that was read, so the operator's write is not lost.
func (r *restorer) status(ctx context.Context, u *unstructured.Unstructured) error {
	return retry.RetryOnConflict(patient, func() error {
		live, err := r.live(ctx, u)
		if err != nil {
			return err
		}
		before := live.DeepCopy()
		switch u.GetKind() {
		case v1alpha1.KindDataService:
			keepClaim(live, u)
		case v1alpha1.KindSecurityPolicy:
			keepAbsent(live, u, "usedAcceptance")
			keepAbsent(live, u, "recentStops")
		case v1alpha1.KindAgencyPortal:
			// The operator holds it against the standards before anything runs by it.
			keepAbsent(live, u, "lastCompliant")
			r.keepConsents(live, u)
		case v1alpha1.KindDataSharingLink:
			r.keepRecord(live)
		case v1alpha1.KindDataSharingApproval:
			keepSide(live, u)
		}
		if reflect.DeepEqual(before.Object, live.Object) {
			return nil
		}
		return r.client.Status().Patch(ctx, live, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
}

// keepClaim gives a service the time since which it owned the dataset, unless it
// is on record with an earlier one.
func keepClaim(live, from *unstructured.Unstructured) {
	claim, ok, _ := unstructured.NestedMap(from.Object, "status", "claim")
	have, _, _ := unstructured.NestedMap(live.Object, "status", "claim")
	since, _ := claim["heldSince"].(string)
	now, _ := have["heldSince"].(string)
	if ok && (have == nil || have["dataset"] == claim["dataset"] && since < now) {
		_ = unstructured.SetNestedMap(live.Object, claim, "status", "claim")
	}
}

// keepAbsent puts back a part of a status that the object has not.
func keepAbsent(live, from *unstructured.Unstructured, field string) {
	was, ok, _ := unstructured.NestedMap(from.Object, "status", field)
	if _, have, _ := unstructured.NestedMap(live.Object, "status", field); ok && !have {
		_ = unstructured.SetNestedMap(live.Object, was, "status", field)
	}
}

// keepSide gives a decision back to the authority that it was of, whoever is the
// authority now.
func keepSide(live, from *unstructured.Unstructured) {
	if side, _, _ := unstructured.NestedString(from.Object, "status", "side"); side == string(v1alpha1.SideAuthority) {
		_ = unstructured.SetNestedField(live.Object, side, "status", "side")
	}
}

// keepRecord puts the old decisions before those that the operator has recorded
// since, within the schema's 20.
func (r *restorer) keepRecord(live *unstructured.Unstructured) {
	have, _, _ := unstructured.NestedSlice(live.Object, "status", "decisions")
	key := func(v any) string {
		d, _ := v.(map[string]any)
		data, _ := json.Marshal([]any{d["uid"], d["decision"], d["side"]})
		return string(data)
	}
	all := slices.Clone(r.plan.Records[live.GetNamespace()+"/"+live.GetName()])
	seen := map[string]bool{}
	for _, d := range have {
		seen[key(d)] = true
	}
	all = slices.DeleteFunc(all, func(d any) bool { return seen[key(d)] })
	if len(all) == 0 {
		return
	}
	all = append(all, have...)
	_ = unstructured.SetNestedSlice(live.Object, all[max(0, len(all)-20):], "status", "decisions")
}
