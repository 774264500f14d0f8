package portal

import (
	"reflect"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestAgencyFacts: a change of an agency that its portals read is a fact, or the figure of
// its quota, and after any other change all of them are decided about as before. Every
// field of the spec and of the quota stands here.
// Fails without any one of the facts, and for a new field of AgencySpec or AgencyQuota.
func TestAgencyFacts(t *testing.T) {
	type change struct {
		do           func(*v1alpha1.Agency)
		facts, quota bool
	}
	amount := ptr.To(resource.MustParse("7"))
	spec := map[string]change{
		"Code":               {do: func(a *v1alpha1.Agency) { a.Spec.Code = "G13" }},
		"LegacyCode":         {do: func(a *v1alpha1.Agency) { a.Spec.LegacyCode = "000.00.18.G12" }},
		"DisplayName":        {do: func(a *v1alpha1.Agency) { a.Spec.DisplayName = "another" }},
		"AdminLevel":         {do: func(a *v1alpha1.Agency) { a.Spec.AdminLevel = "Province" }},
		"ParentRef":          {do: func(a *v1alpha1.Agency) { a.Spec.ParentRef = &v1alpha1.ParentReference{Name: "above"} }},
		"AccountableOfficer": {do: func(a *v1alpha1.Agency) { a.Spec.AccountableOfficer.Title = "another" }},
		"AdminGroups":        {do: func(a *v1alpha1.Agency) { a.Spec.AdminGroups = []v1alpha1.GroupName{"x"} }},
		"AdminServiceAccounts": {do: func(a *v1alpha1.Agency) {
			a.Spec.AdminServiceAccounts = []v1alpha1.ServiceAccountReference{{Name: "x"}}
		}},
		"ViewerGroups":   {do: func(a *v1alpha1.Agency) { a.Spec.ViewerGroups = []v1alpha1.GroupName{"x"} }},
		"Domains":        {facts: true, do: func(a *v1alpha1.Agency) { a.Spec.Domains = []v1alpha1.DNSName{"b.gov.vn"} }},
		"Quota":          {quota: true, facts: true, do: func(a *v1alpha1.Agency) { a.Spec.Quota.Portals = ptr.To[int32](1) }},
		"Suspended":      {facts: true, do: func(a *v1alpha1.Agency) { a.Spec.Suspended = true }},
		"DeletionPolicy": {do: func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals }},
		"AdoptNamespace": {do: func(a *v1alpha1.Agency) { a.Spec.AdoptNamespace = "x" }},
		"RightsChange":   {do: func(a *v1alpha1.Agency) { a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: "x"} }},
	}
	quota := map[string]change{
		"CPU":          {do: func(a *v1alpha1.Agency) { a.Spec.Quota.CPU = amount }},
		"Memory":       {do: func(a *v1alpha1.Agency) { a.Spec.Quota.Memory = amount }},
		"Pods":         {do: func(a *v1alpha1.Agency) { a.Spec.Quota.Pods = ptr.To[int32](7) }},
		"Portals":      {quota: true, do: func(a *v1alpha1.Agency) { a.Spec.Quota.Portals = ptr.To[int32](7) }},
		"DataServices": {do: func(a *v1alpha1.Agency) { a.Spec.Quota.DataServices = ptr.To[int32](7) }},
		"Links":        {do: func(a *v1alpha1.Agency) { a.Spec.Quota.Links = ptr.To[int32](7) }},
		"Approvals":    {do: func(a *v1alpha1.Agency) { a.Spec.Quota.Approvals = ptr.To[int32](70) }},
		"Secrets":      {do: func(a *v1alpha1.Agency) { a.Spec.Quota.Secrets = ptr.To[int32](7) }},
		"ConfigMaps":   {do: func(a *v1alpha1.Agency) { a.Spec.Quota.ConfigMaps = ptr.To[int32](7) }},
	}
	offboarding := []metav1.Condition{{Type: v1alpha1.ConditionOffboarding, Status: metav1.ConditionTrue}}
	goes := func(a *v1alpha1.Agency) { a.DeletionTimestamp = ptr.To(metav1.Now()) }
	observed := map[string]change{
		"another one of its name":         {facts: true, do: func(a *v1alpha1.Agency) { a.UID = "another" }},
		"asked to go":                     {facts: true, do: goes},
		"goes":                            {facts: true, do: func(a *v1alpha1.Agency) { goes(a); a.Status.Conditions = offboarding }},
		"says without going that it goes": {do: func(a *v1alpha1.Agency) { a.Status.Conditions = offboarding }},
		"opened by somebody": {facts: true, do: func(a *v1alpha1.Agency) {
			a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionNetworkIsolated, Status: metav1.ConditionFalse}}
		}},
		"isolated": {do: func(a *v1alpha1.Agency) {
			a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionNetworkIsolated, Status: metav1.ConditionTrue}}
		}},
		"more than its quota":  {facts: true, do: func(a *v1alpha1.Agency) { a.Status.Portals = 4 }},
		"one more":             {do: func(a *v1alpha1.Agency) { a.Status.Portals = 3 }},
		"another round of its": {do: func(a *v1alpha1.Agency) { a.Generation, a.Status.ObservedGeneration = 9, 9 }},
	}
	beyond := &v1alpha1.Agency{Spec: v1alpha1.AgencySpec{Quota: v1alpha1.AgencyQuota{Portals: ptr.To[int32](3)}}, Status: v1alpha1.AgencyStatus{AgencyContents: v1alpha1.AgencyContents{Portals: 4}}}
	further := beyond.DeepCopy()
	further.Spec.Quota.Portals = ptr.To[int32](2)
	if FactsOfAgency(beyond) == FactsOfAgency(further) {
		t.Error("a figure that is lowered further reaches none of those that run")
	}
	asked, going := &v1alpha1.Agency{}, &v1alpha1.Agency{}
	observed["asked to go"].do(asked)
	observed["goes"].do(going)
	if FactsOfAgency(asked) == FactsOfAgency(going) {
		t.Error("that an agency really goes is no fact")
	}
	for what, table := range map[string]struct {
		changes map[string]change
		of      any
	}{"AgencySpec": {spec, v1alpha1.AgencySpec{}}, "AgencyQuota": {quota, v1alpha1.AgencyQuota{}}} {
		for i := range reflect.TypeOf(table.of).NumField() {
			if f := reflect.TypeOf(table.of).Field(i).Name; table.changes[f].do == nil {
				t.Errorf("%s.%s: say in the table of internal/kinds/portal/facts_test.go whether portals read it, and make it a fact in facts.go if they do", what, f)
			}
		}
	}
	for _, changes := range []map[string]change{spec, quota, observed} {
		for name, c := range changes {
			before := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}}
			before.Spec.Domains, before.Spec.Quota.Portals = []v1alpha1.DNSName{"a.gov.vn"}, ptr.To[int32](3)
			before.Status.Portals = 2
			after := before.DeepCopy()
			c.do(after)
			facts := FactsOfAgency(before) != FactsOfAgency(after)
			figure := agencykind.PortalQuota(before) != agencykind.PortalQuota(after)
			if facts != c.facts || figure != c.quota {
				t.Errorf("%s: facts differ %t, the figure %t; want %t, %t", name, facts, figure, c.facts, c.quota)
			}
			if facts || figure {
				continue
			}
			for _, p := range portalsOfAgencyToDecide() {
				in := Input{Settings: settings.Default(), Portal: p, Agency: before, NamespaceGuarded: true, OlderSiblings: 2}
				other := in
				other.Agency = after
				if diff := gocmp.Diff(Decide(in), Decide(other)); diff != "" {
					t.Errorf("%s: a portal is decided about differently:\n%s", name, diff)
				}
			}
		}
	}
}

func portalsOfAgencyToDecide() []*v1alpha1.AgencyPortal {
	fresh := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "p", UID: "p", Generation: 1}}
	fresh.Spec = v1alpha1.AgencyPortalSpec{Image: "registry.example/x:1", Port: 8080, Replicas: v1alpha1.Replicas{Min: 1}, Exposure: v1alpha1.ExposureInternal,
		Hostnames: []v1alpha1.DNSName{"p.a.gov.vn"}, Components: []v1alpha1.Component{v1alpha1.ComponentOneStop}}
	runs := fresh.DeepCopy()
	runs.Status.Inventory, runs.Status.LastCompliant = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "p"}}, runs.Spec.DeepCopy()
	return []*v1alpha1.AgencyPortal{fresh, runs}
}

// TestCarrierFacts: an agency whose portal others reach is told of when it changes whether they
// may. Whether a portal can be an end tells the same of both agencies after any other change.
// Fails without any one of the facts.
func TestCarrierFacts(t *testing.T) {
	goes := func(a *v1alpha1.Agency) {
		a.DeletionTimestamp = ptr.To(metav1.Now())
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOffboarding, Status: metav1.ConditionTrue}}
	}
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "p"}}
	p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue}}
	for name, c := range map[string]struct {
		fact bool
		do   func(*v1alpha1.Agency)
	}{
		"suspended":               {true, func(a *v1alpha1.Agency) { a.Spec.Suspended = true }},
		"goes":                    {true, goes},
		"another one of its name": {true, func(a *v1alpha1.Agency) { a.UID = "another" }},
		"asked to go":             {false, func(a *v1alpha1.Agency) { a.DeletionTimestamp = ptr.To(metav1.Now()) }},
		"named otherwise":         {false, func(a *v1alpha1.Agency) { a.Spec.DisplayName, a.Generation = "another", 9 }},
		"less room":               {false, func(a *v1alpha1.Agency) { a.Spec.Quota.Portals = ptr.To[int32](1) }},
	} {
		before, after := &v1alpha1.Agency{}, &v1alpha1.Agency{}
		c.do(after)
		if got := FactsOfCarrier(before) != FactsOfCarrier(after); got != c.fact {
			t.Errorf("%s: a fact %t, want %t", name, got, c.fact)
		}
		blocks := func(a *v1alpha1.Agency) bool {
			return EndBlocker("", "", End{Portal: p, Agency: a}, Standards{Settings: settings.Default()}, "") != nil
		}
		if blocks(before) != blocks(after) && !c.fact {
			t.Errorf("%s: an end is judged differently and nobody is told: make it a fact in internal/kinds/portal/facts.go", name)
		}
	}
}

// TestGuardFacts: what decides whether a namespace is guarded is an event, and a repair of
// its labels or another policy in it is none.
// Fails without any one of the facts, and when every network policy of an agency counts.
func TestGuardFacts(t *testing.T) {
	marks := map[string]string{names.LabelManagedBy: names.ManagedBy, names.LabelOwnerKind: v1alpha1.KindAgency, names.LabelOwnerName: "a", names.LabelOwnerUID: "a", names.LabelAgency: "a"}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-a", UID: "ns", Labels: marks}}
	deny := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: agencykind.DefaultDeny, UID: "deny", Labels: marks},
		Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress}}}
	other := deny.DeepCopy()
	other.Name = "allow-dns"
	if !Guards(ns) || !Guards(deny) || Guards(other) || Guards(&corev1.ResourceQuota{}) {
		t.Error("something else guards a namespace than what a round reads")
	}
	label := func(o metav1.Object, key, value string) {
		l := map[string]string{key: value}
		for k, v := range o.GetLabels() {
			if k != key {
				l[k] = v
			}
		}
		o.SetLabels(l)
	}
	for name, tt := range map[string]struct {
		change func(*corev1.Namespace, *networkingv1.NetworkPolicy)
		want   bool
	}{
		"another object": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) { n.UID, p.UID = "x", "x" }, true},
		"it goes": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) {
			now := metav1.Now()
			n.DeletionTimestamp, p.DeletionTimestamp = &now, &now
		}, true},
		"another owner": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) {
			label(n, names.LabelOwnerUID, "x")
			label(p, names.LabelOwnerUID, "x")
		}, true},
		"not the operator's": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) {
			label(n, names.LabelManagedBy, "x")
			label(p, names.LabelManagedBy, "x")
		}, true},
		"of another agency": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) {
			label(n, names.LabelAgency, "x")
			label(p, names.LabelAgency, "x")
		}, true},
		"another label": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) { label(n, "a", "x"); label(p, "a", "x") }, false},
		"phase and generation": {func(n *corev1.Namespace, p *networkingv1.NetworkPolicy) {
			n.Status.Phase = corev1.NamespaceActive
			n.Generation, p.Generation = 2, 2
		}, false},
	} {
		n, p := ns.DeepCopy(), deny.DeepCopy()
		tt.change(n, p)
		if got := FactsOfGuard(ns) != FactsOfGuard(n); got != tt.want {
			t.Errorf("namespace, %s: an event %t, want %t", name, got, tt.want)
		}
		if got := FactsOfGuard(deny) != FactsOfGuard(p); got != tt.want {
			t.Errorf("default deny, %s: an event %t, want %t", name, got, tt.want)
		}
	}
	for _, open := range []func(*networkingv1.NetworkPolicySpec){
		func(s *networkingv1.NetworkPolicySpec) { s.Ingress = []networkingv1.NetworkPolicyIngressRule{{}} },
		func(s *networkingv1.NetworkPolicySpec) { s.Egress = []networkingv1.NetworkPolicyEgressRule{{}} },
		func(s *networkingv1.NetworkPolicySpec) { s.PodSelector.MatchLabels = map[string]string{"a": "b"} },
		func(s *networkingv1.NetworkPolicySpec) { s.PolicyTypes = slices.Clone(s.PolicyTypes)[:1] },
	} {
		p := deny.DeepCopy()
		open(&p.Spec)
		if FactsOfGuard(deny) == FactsOfGuard(p) {
			t.Errorf("an opened default deny is no event: %v", p.Spec)
		}
	}
}
