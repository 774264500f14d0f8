package metrics

import (
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/tally"
)

// Values of TallyRights.
const (
	rightsThatChanged = "changed"
	rightsThatWait    = "waiting"
)

// open is the state of a link that traffic passes by.
const open = "open"

// between stands between the parts of a value.
const between = "|"

// Fields are by what a scrape counts the objects of a kind.
func Fields(kind string) []tally.Field {
	out := []tally.Field{{Name: names.TallyReady, Values: func(o client.Object) []string {
		object, ok := o.(kinds.Object)
		if !ok {
			return nil
		}
		return []string{readiness(object.GetStatusBase())}
	}}}
	switch kind {
	case v1alpha1.KindAgency:
		out = append(out, tally.Field{Name: names.TallyRights, Values: func(o client.Object) []string { return rightsOf(o.(*v1alpha1.Agency)) }})
	case v1alpha1.KindSecurityPolicy:
		out = append(out, tally.Field{Name: names.TallyHeld, Values: func(o client.Object) []string { return names.YesIf(policy.IsHeld(o.(*v1alpha1.SecurityPolicy))) }})
	case v1alpha1.KindAgencyPortal:
		out = append(out,
			tally.Field{Name: names.TallyRuns, Values: func(o client.Object) []string { return []string{runs(o.(*v1alpha1.AgencyPortal))} }},
			tally.Field{Name: names.TallyServices, Values: func(o client.Object) []string { return services(o.(*v1alpha1.AgencyPortal)) }})
	case v1alpha1.KindDataSharingLink:
		out = append(out,
			tally.Field{Name: names.TallyState, Values: func(o client.Object) []string { return []string{stateAndReason(o.(*v1alpha1.DataSharingLink))} }},
			tally.Field{Name: names.TallyTerm, Values: func(o client.Object) []string { return lastDay(o.(*v1alpha1.DataSharingLink)) }})
	}
	return out
}

// readiness is the status and the reason of Ready. An object that the operator has not
// looked at yet is pending.
func readiness(base *v1alpha1.StatusBase) string {
	r := meta.FindStatusCondition(base.Conditions, v1alpha1.ConditionReady)
	if r == nil {
		return string(metav1.ConditionUnknown) + between + v1alpha1.ReasonPending
	}
	return string(r.Status) + between + r.Reason
}

func rightsOf(a *v1alpha1.Agency) (out []string) {
	if meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionRightsChanged) && a.Status.Rights != nil {
		out = append(out, rightsThatChanged)
	}
	if meta.IsStatusConditionFalse(a.Status.Conditions, v1alpha1.ConditionRightsConfirmed) {
		out = append(out, rightsThatWait)
	}
	return out
}

// runs is the level and the exposure of a portal. What runs counts while an edit is kept.
func runs(p *v1alpha1.AgencyPortal) string {
	exposure := p.Spec.Exposure
	if last := p.Status.LastCompliant; last != nil {
		exposure = last.Exposure
	}
	return strconv.Itoa(int(p.Status.SecurityLevel)) + between + string(exposure)
}

// services are how many public services a portal declares, and how many are verified.
func services(p *v1alpha1.AgencyPortal) (out []string) {
	for state, n := range map[string]int32{"declared": p.Status.PublicServices.Declared, "verified": p.Status.PublicServices.Verified} {
		if n > 0 {
			out = append(out, state+between+strconv.Itoa(int(n)))
		}
	}
	return out
}

func stateAndReason(l *v1alpha1.DataSharingLink) string {
	_, reason, _ := strings.Cut(readiness(&l.Status.StatusBase), between)
	return stateOf(l) + between + reason
}

// lastDay is the day on which an open link ends, in UTC.
func lastDay(l *v1alpha1.DataSharingLink) []string {
	if stateOf(l) != open {
		return nil
	}
	return []string{l.Spec.ValidUntil.UTC().Format(time.DateOnly)}
}
