package view

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

const (
	// operatorLease is renewed every few seconds by the replica that works.
	operatorLease = "operator.platform.gov.vn"
	// idleFor is how long the operator may leave a change or its lease alone before
	// that is told. A busy operator has looked by then, and clocks differ by less.
	idleFor = time.Minute
)

// unobserved are when those objects were changed that the operator has not looked
// at since.
type unobserved []time.Time

// look takes in an object of the platform. What is being deleted or can't be
// decoded is waited for elsewhere.
func (u *unobserved) look(o runtime.Object) error {
	object, ok := o.(interface {
		client.Object
		GetStatusBase() *v1alpha1.StatusBase
	})
	if !ok || object.GetDeletionTimestamp() != nil {
		return nil
	}
	status := object.GetStatusBase()
	if ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Reason == v1alpha1.ReasonUnreadable {
		return nil
	}
	if status.ObservedGeneration != object.GetGeneration() {
		*u = append(*u, changed(object))
	}
	return nil
}

// changed is when something but the status of an object was written last.
func changed(o client.Object) time.Time {
	at := o.GetCreationTimestamp().Time
	for _, m := range o.GetManagedFields() {
		if m.Subresource == "" && m.Time != nil && m.Time.After(at) {
			at = m.Time.Time
		}
	}
	return at
}

// LookAtOperator says whether the operator acts, as far as the user may see.
func (s *Summary) LookAtOperator(ctx context.Context, reader client.Reader, at Installation, namespace string, now time.Time) {
	var approvals v1alpha1.DataSharingApprovalList
	// Who may not read them sees the other signs.
	_ = reader.List(ctx, &approvals, client.InNamespace(namespace))
	_ = meta.EachListItem(&approvals, s.unobserved.look)
	s.OperatorIdle = operatorIdle(ctx, reader, at.Namespace, s.unobserved, now)
	// Who may not read the record is not told.
	if record, err := SettingsRecord(ctx, reader, at.Namespace); err == nil && record != nil {
		s.SettingsHeld = record.Held
	}
}

// operatorIdle says why the operator does not seem to act; empty when it does, or
// when nothing is known against it. Not everybody may read its lease.
func operatorIdle(ctx context.Context, reader client.Reader, home string, u unobserved, now time.Time) string {
	var signs []string
	var lease coordinationv1.Lease
	err := reader.Get(ctx, client.ObjectKey{Namespace: home, Name: operatorLease}, &lease)
	switch {
	case err != nil: // No right to read it, or an operator that needs none.
	case lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "":
		signs = append(signs, "no replica holds its lease")
	case lease.Spec.RenewTime != nil && now.Sub(lease.Spec.RenewTime.Time) > idleFor:
		signs = append(signs, "its lease was renewed last at "+Clock(lease.Spec.RenewTime.Time))
	}
	old := slices.DeleteFunc(slices.SortedFunc(slices.Values(u), time.Time.Compare), func(at time.Time) bool { return now.Sub(at) < idleFor })
	if len(old) > 0 {
		signs = append(signs, fmt.Sprintf("%d objects were changed and not looked at since, the first at %s", len(old), Clock(old[0])))
	}
	if len(signs) == 0 {
		return ""
	}
	return "the operator does not act: " + strings.Join(signs, "; ") + ". Until it does, nothing is repaired, and no suspension, revocation or expiry closes anything. See kubectl -n " + home + " get pods."
}
