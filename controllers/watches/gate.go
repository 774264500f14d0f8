package watches

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// statused is an object of the platform.
type statused interface {
	client.Object
	GetStatusBase() *v1alpha1.StatusBase
}

// GateChanged passes what others rest on: the spec, the deletion, and the status
// and reason of the named conditions. Messages and counts do not pass.
func GateChanged(conditions ...string) predicate.Predicate {
	spec := SpecChanged()
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		if spec.Update(e) {
			return true
		}
		before, ok1 := e.ObjectOld.(statused)
		after, ok2 := e.ObjectNew.(statused)
		if !ok1 || !ok2 {
			return true
		}
		b, a := before.GetStatusBase(), after.GetStatusBase()
		if b.ObservedGeneration != a.ObservedGeneration {
			return true
		}
		for _, c := range conditions {
			if !same(meta.FindStatusCondition(b.Conditions, c), meta.FindStatusCondition(a.Conditions, c)) {
				return true
			}
		}
		return false
	}}
}

func same(a, b *metav1.Condition) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Status == b.Status && a.Reason == b.Reason
}

// PortalGate passes changes of a portal that links, platforms and the portals that use them
// rest on: what it should be and what runs of it, whether both meet the standards, the ports
// of its pods and the platforms that it agreed to be. Whether it is Ready is none: it is not
// and is again with every roll, and all of its links and users would look. That its agency
// is suspended is told by the Agency. Who rests on other conditions besides names them.
func PortalGate(besides ...string) predicate.Predicate {
	return predicate.Or(GateChanged(append(besides, v1alpha1.ConditionPolicyCompliant)...), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*v1alpha1.AgencyPortal)
			after, ok2 := e.ObjectNew.(*v1alpha1.AgencyPortal)
			if !ok1 || !ok2 {
				return false
			}
			b, a := &before.Status, &after.Status
			return judgedAt(before) != judgedAt(after) || !slices.Equal(b.Ports, a.Ports) || !slices.Equal(b.PlatformConsents, a.PlatformConsents) ||
				!equality.Semantic.DeepEqual(b.Replacing, a.Replacing) || !equality.Semantic.DeepEqual(b.Findings, a.Findings) ||
				!equality.Semantic.DeepEqual(b.LastCompliant, a.LastCompliant)
		},
	})
}

// judgedAt is the generation of a portal that was last held against its standards. A round
// that could not read them looked at a newer one and kept what it knew of the former.
func judgedAt(p *v1alpha1.AgencyPortal) int64 {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant); c != nil {
		return c.ObservedGeneration
	}
	return 0
}

// PlatformGate passes changes of a platform that portals, services and links rest
// on, what its owner agreed to among them.
func PlatformGate() predicate.Predicate {
	return predicate.Or(SpecChanged(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*v1alpha1.SharedPlatform)
			after, ok2 := e.ObjectNew.(*v1alpha1.SharedPlatform)
			return ok1 && ok2 && !equality.Semantic.DeepEqual(before.Status.Consents, after.Status.Consents)
		},
	})
}
