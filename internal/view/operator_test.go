package view

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// leaseReader answers with the operator's lease, and with decisions.
type leaseReader struct {
	client.Reader
	holder    string
	renewed   time.Time
	forbidden bool
	approvals []v1alpha1.DataSharingApproval
	record    *settings.Record
}

func (r leaseReader) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if r.forbidden {
		return errors.New("forbidden")
	}
	if kept, ok := into.(*corev1.ConfigMap); ok {
		if r.record == nil {
			return apierrors.NewNotFound(corev1.Resource("configmaps"), settings.RecordName)
		}
		var err error
		kept.Data, err = r.record.Data()
		return err
	}
	l := into.(*coordinationv1.Lease)
	l.Spec.HolderIdentity, l.Spec.RenewTime = ptr.To(r.holder), ptr.To(metav1.NewMicroTime(r.renewed))
	return nil
}

func (r leaseReader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*v1alpha1.DataSharingApprovalList).Items = r.approvals
	return nil
}

// TestOperatorIdle: that the operator does not act is told by its lease, or by
// what it has not looked at for a minute. It fails where nothing is.
func TestOperatorIdle(t *testing.T) {
	now := time.Date(2026, 3, 2, 2, 14, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	decision := func(observed int64, at time.Duration, modify ...func(*v1alpha1.DataSharingApproval)) v1alpha1.DataSharingApproval {
		a := v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Generation: 2, CreationTimestamp: metav1.NewTime(ago(time.Hour)),
			ManagedFields: []metav1.ManagedFieldsEntry{{Time: ptr.To(metav1.NewTime(ago(at)))}, {Time: ptr.To(metav1.NewTime(now)), Subresource: "status"}}}}
		a.Status.ObservedGeneration = observed
		for _, m := range modify {
			m(&a)
		}
		return a
	}
	leaving := func(a *v1alpha1.DataSharingApproval) { a.DeletionTimestamp = ptr.To(metav1.NewTime(ago(time.Hour))) }
	unreadable := func(a *v1alpha1.DataSharingApproval) {
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonUnreadable}}
	}
	tests := []struct {
		name string
		r    leaseReader
		want string
	}{
		{"it runs", leaseReader{holder: "a", renewed: ago(time.Second), approvals: []v1alpha1.DataSharingApproval{decision(2, time.Hour)}}, ""},
		{"dead", leaseReader{holder: "a", renewed: ago(time.Hour)}, "renewed last at 2026-03-02 08:14:00 +07:00"},
		{"ended", leaseReader{renewed: ago(time.Second)}, "no replica holds its lease"},
		{"nothing is known", leaseReader{forbidden: true}, ""},
		{"a decision waits", leaseReader{forbidden: true, approvals: []v1alpha1.DataSharingApproval{decision(1, 2*time.Minute), decision(2, time.Hour)}}, "1 objects were changed and not looked at since, the first at 2026-03-02 09:12:00 +07:00"},
		{"a decision of this moment", leaseReader{forbidden: true, approvals: []v1alpha1.DataSharingApproval{decision(1, time.Second)}}, ""},
		{"what is being deleted", leaseReader{forbidden: true, approvals: []v1alpha1.DataSharingApproval{decision(1, time.Hour, leaving)}}, ""},
		{"what can't be decoded", leaseReader{forbidden: true, approvals: []v1alpha1.DataSharingApproval{decision(1, time.Hour, unreadable)}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Summary
			s.LookAtOperator(t.Context(), tt.r, Installation{Namespace: OperatorNamespace}, "", now)
			if tt.want == "" && s.OperatorIdle != "" || !strings.Contains(s.OperatorIdle, tt.want) {
				t.Errorf("got %q, want %q", s.OperatorIdle, tt.want)
			}
		})
	}
}

// TestSettingsHeldIsTold: whoever may read the record learns that the newest settings
// wait, and gets those in force from every command.
func TestSettingsHeldIsTold(t *testing.T) {
	former := settings.Default()
	former.TimeZone = "UTC"
	for name, tt := range map[string]struct {
		r    leaseReader
		want string
	}{
		"held":      {leaseReader{record: &settings.Record{InForce: former, Held: "The settings are held."}}, "The settings are held."},
		"in force":  {leaseReader{record: &settings.Record{InForce: former}}, ""},
		"none":      {leaseReader{}, ""},
		"forbidden": {leaseReader{forbidden: true}, ""},
	} {
		var s Summary
		s.LookAtOperator(t.Context(), tt.r, Installation{Namespace: OperatorNamespace}, "", time.Now())
		if s.SettingsHeld != tt.want {
			t.Errorf("%s: it says %q, want %q", name, s.SettingsHeld, tt.want)
		}
		if tt.r.record == nil {
			continue
		}
		if got, _, err := CurrentSettings(t.Context(), tt.r, Installation{}); err != nil || got.TimeZone != "UTC" {
			t.Errorf("%s: the settings in force are %q, %v", name, got.TimeZone, err)
		}
	}
}
