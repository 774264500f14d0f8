package watches

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestCloses(t *testing.T) {
	meta := func(generation int64) metav1.ObjectMeta { return metav1.ObjectMeta{Name: "a", Generation: generation} }
	agency := func(suspended bool) *v1alpha1.Agency {
		return &v1alpha1.Agency{ObjectMeta: meta(1), Spec: v1alpha1.AgencySpec{Suspended: suspended}}
	}
	policy := func(generation int64, mode v1alpha1.PolicyMode) *v1alpha1.SecurityPolicy {
		return &v1alpha1.SecurityPolicy{ObjectMeta: meta(generation), Spec: v1alpha1.SecurityPolicySpec{Mode: mode}}
	}
	logging := func(generation int64, months int32) *v1alpha1.SecurityPolicy {
		p := policy(generation, v1alpha1.ModeEnforce)
		p.Spec.Logging = &v1alpha1.LoggingControl{RetentionMonths: months}
		return p
	}
	inForce := func(p *v1alpha1.SecurityPolicy) *v1alpha1.SecurityPolicy {
		p.Status.InForce = &p.Spec
		return p
	}
	stricter := logging(2, 24)
	stricter.Spec.PodSecurity = v1alpha1.PodSecurityRestricted
	approval := func(generation int64, d v1alpha1.Decision) *v1alpha1.DataSharingApproval {
		return &v1alpha1.DataSharingApproval{ObjectMeta: meta(generation), Spec: v1alpha1.DataSharingApprovalSpec{Decision: d}}
	}
	ofAuthority := func(d v1alpha1.Decision) *v1alpha1.DataSharingApproval {
		a := approval(1, d)
		a.Status.Side = v1alpha1.SideAuthority
		return a
	}
	portal := func(compliant metav1.ConditionStatus) *v1alpha1.AgencyPortal {
		p := &v1alpha1.AgencyPortal{ObjectMeta: meta(1)}
		p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: compliant}}
		return p
	}
	of := func(class v1alpha1.DataClassification, provides ...v1alpha1.ObjectName) *v1alpha1.AgencyPortal {
		return &v1alpha1.AgencyPortal{ObjectMeta: meta(1), Spec: v1alpha1.AgencyPortalSpec{DataClassification: class, ProvidesPlatforms: provides}}
	}
	consents := of("Internal")
	consents.Status.PlatformConsents = []v1alpha1.PlatformConsent{{Name: "pay", UID: "1"}}
	network := func(generation int64, opens bool) *networkingv1.NetworkPolicy {
		p := &networkingv1.NetworkPolicy{ObjectMeta: meta(generation)}
		if opens {
			p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		}
		return p
	}
	service := func(generation int64) *v1alpha1.DataService {
		return &v1alpha1.DataService{ObjectMeta: meta(generation)}
	}
	smaller, larger, renamed := agency(false), agency(false), agency(false)
	larger.Spec.AdminGroups = []v1alpha1.GroupName{"admins"}
	smaller.Generation, larger.Generation, renamed.Generation = 2, 3, 4
	renamed.Spec.DisplayName = "Sở"
	dying := agency(false)
	now := metav1.Now()
	dying.DeletionTimestamp = &now
	for _, c := range []struct {
		name          string
		before, after client.Object
		want          bool
	}{
		{"agency suspended", agency(false), agency(true), true},
		{"agency resumed", agency(true), agency(false), false},
		{"agency unchanged", agency(true), agency(true), false},
		{"agency loses a right", larger, smaller, true},
		{"agency gets a right", smaller, larger, false},
		{"agency has another title", agency(false), renamed, false},
		{"agency made", nil, agency(false), false},
		{"suspended agency made", nil, agency(true), true},
		{"agency begins to end", agency(false), dying, true},
		{"agency gone", agency(false), nil, true},
		{"policy made", nil, policy(1, v1alpha1.ModeEnforce), true},
		{"policy enforced", policy(1, v1alpha1.ModeAudit), policy(2, v1alpha1.ModeEnforce), true},
		{"policy only audits", policy(1, v1alpha1.ModeEnforce), policy(2, v1alpha1.ModeAudit), false},
		{"policy status", policy(1, v1alpha1.ModeEnforce), policy(1, v1alpha1.ModeEnforce), false},
		{"policy wants logs kept longer", logging(1, 12), logging(2, 24), false},
		{"that comes into force", logging(2, 12), inForce(logging(2, 24)), true},
		{"and longer yet", inForce(logging(2, 24)), inForce(logging(3, 36)), false},
		{"and something else too", logging(1, 12), stricter, true},
		{"approval made", nil, approval(1, v1alpha1.DecisionApprove), false},
		{"suspension made", nil, approval(1, v1alpha1.DecisionSuspend), true},
		{"approval changed", approval(1, v1alpha1.DecisionApprove), approval(2, v1alpha1.DecisionApprove), true},
		{"suspension becomes the authority's", approval(1, v1alpha1.DecisionSuspend), ofAuthority(v1alpha1.DecisionSuspend), true},
		{"and stays so", ofAuthority(v1alpha1.DecisionSuspend), ofAuthority(v1alpha1.DecisionSuspend), false},
		{"approval becomes the authority's", approval(1, v1alpha1.DecisionApprove), ofAuthority(v1alpha1.DecisionApprove), false},
		{"portal violates", portal(metav1.ConditionTrue), portal(metav1.ConditionFalse), true},
		{"portal complies", portal(metav1.ConditionFalse), portal(metav1.ConditionTrue), false},
		{"portal edited", &v1alpha1.AgencyPortal{ObjectMeta: meta(1)}, &v1alpha1.AgencyPortal{ObjectMeta: meta(2)}, false},
		{"portal is no platform any more", of("Internal", "pay", "login"), of("Internal", "login"), true},
		{"portal is one more platform", of("Internal", "pay"), of("Internal", "pay", "login"), false},
		{"consent off the record", consents, of("Internal"), true},
		{"stricter data", of("Internal"), of("Personal"), true},
		{"laxer data", of("Personal"), of("Internal"), false},
		{"service made", nil, service(1), true},
		{"service edited", service(1), service(2), true},
		{"service status", service(1), service(1), false},
		{"guard gone", network(1, false), nil, true},
		{"opening gone", network(1, true), nil, false},
		{"opening widened", network(1, true), network(2, true), true},
		{"opening written", nil, network(1, true), false},
		{"link changed", &v1alpha1.DataSharingLink{ObjectMeta: meta(1)}, &v1alpha1.DataSharingLink{ObjectMeta: meta(2)}, true},
	} {
		if got := Closes(c.before, c.after); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
