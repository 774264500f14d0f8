package desired

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// endObjects are an agency and a portal of it that complies.
func endObjects(agency, portal string, port int32) (*v1alpha1.Agency, *v1alpha1.AgencyPortal) {
	return &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency}},
		&v1alpha1.AgencyPortal{
			ObjectMeta: metav1.ObjectMeta{Namespace: "agency-" + agency, Name: portal, UID: types.UID("uid-" + portal), Generation: 1},
			Spec: v1alpha1.AgencyPortalSpec{Port: port, DataClassification: v1alpha1.ClassificationInternal, Exposure: v1alpha1.ExposureInternal,
				Image: "registry.example.gov.vn/" + portal + ":v1"},
			Status: v1alpha1.AgencyPortalStatus{StatusBase: v1alpha1.StatusBase{ObservedGeneration: 1,
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue}}}},
		}
}

func endOf(agency, portal string, port int32) PortalWithAgency {
	a, p := endObjects(agency, portal, port)
	return PortalWithAgency{Agency: a, Portal: p}
}

// flowsOf is an end of the flows of platforms.
func flowsOf(agency, portal string, port int32) PortalWithAgency {
	a, p := endObjects(agency, portal, port)
	return PortalWithAgency{Agency: a, Portal: p}
}

// linkObjects are a direct link, the service that it asks for and a policy that
// permits it.
func linkObjects() (*v1alpha1.DataSharingLink, *v1alpha1.DataService, []v1alpha1.SecurityPolicy) {
	link := &v1alpha1.DataSharingLink{
		ObjectMeta: metav1.ObjectMeta{Namespace: "agency-asker", Name: "wants", UID: "uid-wants", Generation: 1, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: v1alpha1.DataSharingLinkSpec{
			Consumer: v1alpha1.LinkConsumer{PortalRef: v1alpha1.LocalReference{Name: "asks"}}, Provider: v1alpha1.LinkProvider{Agency: "giver", Service: "data"},
			Purpose: "p", LegalBasis: "l", Operations: []string{"read"}, ValidUntil: metav1.NewTime(noon.Add(time.Hour)), Route: v1alpha1.RouteDirect, RequestedBy: "clerk@asker",
		},
	}
	service := &v1alpha1.DataService{
		ObjectMeta: metav1.ObjectMeta{Namespace: "agency-giver", Name: "data", UID: "uid-data"},
		Spec: v1alpha1.DataServiceSpec{PortalRef: v1alpha1.LocalReference{Name: "serves"}, Dataset: "d", Classification: v1alpha1.ClassificationInternal, Port: 8443,
			Operations: []v1alpha1.Operation{{Name: "read", Method: "GET", Path: "/r"}, {Name: "list", Method: "GET", Path: "/l"}}},
		Status: v1alpha1.DataServiceStatus{StatusBase: v1alpha1.StatusBase{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionDatasetOwned, Status: metav1.ConditionTrue}}}},
	}
	return link, service, []v1alpha1.SecurityPolicy{{Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, DataSharing: &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}}}}
}

// approvalOf is a decision about a scope.
func approvalOf(namespace, name, hash string, d v1alpha1.Decision) v1alpha1.DataSharingApproval {
	return v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.DataSharingApprovalSpec{Decision: d, SpecHash: hash, Reason: "r", Approver: "officer@" + namespace}}
}

// openDirect is a direct link that the provider has approved.
func openDirect() LinkInput {
	link, service, policies := linkObjects()
	in := LinkInput{Settings: settings.Default(), Now: noon, Link: link, Service: service, Policies: policies}
	in.Consumer.Agency, in.Consumer.Portal = endObjects("asker", "asks", 8080)
	in.Provider.Agency, in.Provider.Portal = endObjects("giver", "serves", 8443)
	scope, _ := ScopeOf(in)
	in.Approvals = []v1alpha1.DataSharingApproval{approvalOf("agency-giver", "a0", policy.HashScope(scope), v1alpha1.DecisionApprove)}
	return in
}

// linkInput is a direct link that the provider has approved, modified before.
func linkInput(modify ...func(*LinkInput)) LinkInput {
	link, service, policies := linkObjects()
	in := LinkInput{Settings: settings.Default(), Now: noon, Link: link, Service: service, Policies: policies,
		Consumer: endOf("asker", "asks", 8080), Provider: endOf("giver", "serves", 8443), Via: endOf("hub", "axis", 9443)}
	for _, f := range modify {
		f(&in)
	}
	return in
}

func decided(in *LinkInput, namespace string, d v1alpha1.Decision) {
	hash := ""
	if s, ok := ScopeOf(*in); ok {
		hash = policy.HashScope(s)
	}
	in.Approvals = append(in.Approvals, approvalOf(namespace, fmt.Sprintf("a%d", len(in.Approvals)), hash, d))
}

func approvedLink(modify ...func(*LinkInput)) LinkInput {
	in := linkInput(modify...)
	decided(&in, "agency-giver", v1alpha1.DecisionApprove)
	return in
}

func viaPlatform(in *LinkInput) { in.Link.Spec.Route = v1alpha1.RoutePlatform }

func goldenIn(t *testing.T, folder, name string, objects []Object) {
	t.Helper()
	var buf bytes.Buffer
	for _, o := range objects {
		data, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		buf.WriteString("---\n")
		buf.Write(data)
	}
	path := filepath.Join("testdata", folder, name+".yaml")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), buf.String()); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./internal/desired -update writes it anew:\n%s", path, diff)
	}
}

// TestLinkGolden: the policies of both routes, to the letter.
func TestLinkGolden(t *testing.T) {
	for name, in := range map[string]LinkInput{
		"link-direct":               approvedLink(),
		"link-platform":             approvedLink(viaPlatform),
		"link-platform-is-consumer": approvedLink(viaPlatform, func(in *LinkInput) { in.Via = in.Consumer }),
		"link-platform-is-provider": approvedLink(viaPlatform, func(in *LinkInput) { in.Via = in.Provider }),
	} {
		t.Run(name, func(t *testing.T) {
			out := DataSharingLink(in)
			if !out.Open {
				t.Fatalf("not open: %+v", out)
			}
			noEmptyPeers(t, out.Objects)
			goldenIn(t, "sharing", name, out.Objects)
		})
	}
}

// TestLinkReaders: the people of the agency that is asked read this link and no
// other, whatever becomes of it.
// Fails without resourceNames in the Role, and with the rights of the spec: who
// waits for a confirmation reads.
func TestLinkReaders(t *testing.T) {
	inForce := func(name string, r v1alpha1.AgencyRights) *v1alpha1.Agency {
		return &v1alpha1.Agency{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.AgencySpec{AdminGroups: r.AdminGroups, ViewerGroups: r.ViewerGroups, AdminServiceAccounts: r.AdminServiceAccounts},
			Status:     v1alpha1.AgencyStatus{Rights: &v1alpha1.GrantedRights{AgencyRights: r}},
		}
	}
	asked := func(in *LinkInput) {
		in.Asked = inForce("giver", v1alpha1.AgencyRights{
			AdminGroups: []v1alpha1.GroupName{"b", "a"}, ViewerGroups: []v1alpha1.GroupName{"a", "c"},
			AdminServiceAccounts: []v1alpha1.ServiceAccountReference{{Namespace: "gitops", Name: "giver"}},
		})
		in.Asked.Spec.AdminGroups = append(in.Asked.Spec.AdminGroups, "waits")
		in.Asked.Status.Rights.ViewerGroups = append(in.Asked.Status.Rights.ViewerGroups, "taken-away")
	}
	authority := func(in *LinkInput) {
		in.Authority = inForce("mic", v1alpha1.AgencyRights{AdminGroups: []v1alpha1.GroupName{"d", "a"}})
	}
	goldenIn(t, "sharing", "link-readers", DataSharingLink(linkInput(asked, authority)).Readers)
	for name, tt := range map[string]struct {
		in   LinkInput
		want int
	}{
		"open":                                    {approvedLink(asked), 2},
		"without such a service":                  {linkInput(asked, func(in *LinkInput) { in.Service = nil }), 2},
		"the agency does not exist":               {linkInput(), 0},
		"the agency has nobody":                   {linkInput(func(in *LinkInput) { in.Asked = &v1alpha1.Agency{} }), 0},
		"it asks itself, and the authority reads": {linkInput(asked, authority, func(in *LinkInput) { in.Asked.Name = "asker" }), 2},
		"it asks itself":                          {linkInput(asked, func(in *LinkInput) { in.Asked.Name = "asker" }), 0},
		"in no agency's namespace":                {linkInput(asked, func(in *LinkInput) { in.Link.Namespace = "default" }), 0},
		"the link goes":                           {linkInput(asked, func(in *LinkInput) { in.Link.DeletionTimestamp = &metav1.Time{Time: noon} }), 0},
	} {
		if got := DataSharingLink(tt.in).Readers; len(got) != tt.want {
			t.Errorf("%s: %d objects, want %d", name, len(got), tt.want)
		}
	}
}

// TestLinkOpen: who may read a link does not make it open.
// Fails when everything of a link counts as its policies.
func TestLinkOpen(t *testing.T) {
	l := &v1alpha1.DataSharingLink{}
	l.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Role"}, {Kind: "RoleBinding"}}
	if LinkOpen(l) {
		t.Error("a link with readers alone counts as open")
	}
	l.Status.Inventory = append(l.Status.Inventory, v1alpha1.InventoryEntry{Kind: "NetworkPolicy"})
	if !LinkOpen(l) {
		t.Error("a link with a policy does not count as open")
	}
}

// TestCatalogue: what is restricted, goes or is not published is not in it.
// Fails without each of the three questions, and without a bound.
func TestCatalogue(t *testing.T) {
	service := func(name string, modify func(*v1alpha1.DataService)) v1alpha1.DataService {
		s := *linkInput().Service.DeepCopy()
		s.Name, s.Spec.Visibility, s.Status.Consumers = name, v1alpha1.VisibilityCatalogue, []string{"agency-asker/asks"}
		s.Status.Identifier = "VN/GOV/G01/serves/" + name
		s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPublished, Status: metav1.ConditionTrue}}
		modify(&s)
		return s
	}
	same := func(*v1alpha1.DataService) {}
	got := Catalogue([]v1alpha1.DataService{
		service("z", same), service("a", same),
		service("restricted", func(s *v1alpha1.DataService) { s.Spec.Visibility = v1alpha1.VisibilityRestricted }),
		service("goes", func(s *v1alpha1.DataService) { s.DeletionTimestamp = &metav1.Time{Time: noon} }),
		service("unpublished", func(s *v1alpha1.DataService) { s.Status.Conditions[0].Status = metav1.ConditionFalse }),
		service("unseen", func(s *v1alpha1.DataService) { s.Status.Conditions = nil }),
	})
	entry := func(name v1alpha1.ObjectName) v1alpha1.CatalogueEntry {
		return v1alpha1.CatalogueEntry{Name: name, Identifier: "VN/GOV/G01/serves/" + string(name), Dataset: "d", Classification: v1alpha1.ClassificationInternal, Operations: []string{"list", "read"}}
	}
	if diff := gocmp.Diff([]v1alpha1.CatalogueEntry{entry("a"), entry("z")}, got); diff != "" {
		t.Errorf("the catalogue differs (-want +got):\n%s", diff)
	}
	var many []v1alpha1.DataService
	for i := range maxCatalogue + 3 {
		many = append(many, service(fmt.Sprintf("s%03d", i), same))
	}
	if n := len(Catalogue(many)); n != maxCatalogue {
		t.Errorf("%d entries", n)
	}
}

// TestLinkDecision: what opens a link and what shuts it. Every case starts from
// a link that is open.
func TestLinkDecision(t *testing.T) {
	personal := func(in *LinkInput) { in.Service.Spec.Classification = v1alpha1.ClassificationPersonal }
	authorityFor := func(in *LinkInput) {
		in.Policies[0].Spec.DataSharing.RequireAuthorityApprovalFor = []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}
	}
	after := func(modify ...func(*LinkInput)) LinkInput {
		in := approvedLink()
		for _, f := range modify {
			f(&in)
		}
		return in
	}
	authority := "agency-" + settings.Default().AuthorityAgency
	say := func(in LinkInput, namespace string, d v1alpha1.Decision) LinkInput {
		decided(&in, namespace, d)
		return in
	}
	now := metav1.NewTime(noon)
	tests := []struct {
		name                string
		in                  LinkInput
		open                bool
		reference, validity string
		provider, authority string
	}{
		{"approved", approvedLink(), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"nobody has approved", linkInput(), false, "", "", v1alpha1.ReasonApprovalMissing, v1alpha1.ReasonApprovalMissing},
		{"the authority alone does not open", say(linkInput(), authority, v1alpha1.DecisionApprove), false, "", "", v1alpha1.ReasonApprovalMissing, v1alpha1.ReasonApproved},
		{"a third agency does not open", say(linkInput(), "agency-third", v1alpha1.DecisionApprove), false, "", "", v1alpha1.ReasonApprovalMissing, v1alpha1.ReasonApprovalMissing},
		{"nor the consumer", say(linkInput(), "agency-asker", v1alpha1.DecisionApprove), false, "", "", v1alpha1.ReasonApprovalMissing, v1alpha1.ReasonApprovalMissing},
		{"a third agency does not close", say(approvedLink(), "agency-third", v1alpha1.DecisionSuspend), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"the provider suspends", say(approvedLink(), "agency-giver", v1alpha1.DecisionSuspend), false, "", "", v1alpha1.ReasonLinkSuspended, v1alpha1.ReasonApprovalMissing},
		{"the provider rejects", say(approvedLink(), "agency-giver", v1alpha1.DecisionReject), false, "", "", v1alpha1.ReasonRejected, v1alpha1.ReasonApprovalMissing},
		{"the authority suspends", say(approvedLink(), authority, v1alpha1.DecisionSuspend), false, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonLinkSuspended},
		{"the authority rejects", say(approvedLink(), authority, v1alpha1.DecisionReject), false, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonRejected},
		{"the authority must approve", approvedLink(personal, authorityFor), false, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"the authority has approved", say(approvedLink(personal, authorityFor), authority, v1alpha1.DecisionApprove), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApproved},
		{"an audited policy asks for it", approvedLink(personal, authorityFor, func(in *LinkInput) {
			in.Policies = append(in.Policies, in.Policies[0])
			in.Policies[1].Spec.Mode = v1alpha1.ModeAudit
			in.Policies[0].Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
		}), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"one second before the end", after(func(in *LinkInput) { in.Now = in.Link.Spec.ValidUntil.Add(-time.Second) }), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"at the end", after(func(in *LinkInput) { in.Now = in.Link.Spec.ValidUntil.Time }), false, "", v1alpha1.ReasonExpired, v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"a term as long as policy allows", after(func(in *LinkInput) {
			in.Policies[0].Spec.DataSharing.MaxValidity = &metav1.Duration{Duration: 2 * time.Hour}
		}), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"a longer one", after(func(in *LinkInput) {
			in.Policies[0].Spec.DataSharing.MaxValidity = &metav1.Duration{Duration: 2*time.Hour - time.Second}
		}), false, "", v1alpha1.ReasonValidityTooLong, v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"a term that no status can hold", after(func(in *LinkInput) {
			in.Link.Spec.ValidUntil = metav1.NewTime(time.Date(2200, 1, 1, 13, 59, 59, 0, time.UTC))
		}), false, "", v1alpha1.ReasonValidityTooLong, v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"one of before 2000", after(func(in *LinkInput) {
			in.Link.Spec.ValidUntil = metav1.NewTime(time.Date(2000, 1, 1, 0, 0, 0, 5, time.UTC))
		}), false, "", v1alpha1.ReasonExpired, v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the link is being deleted", after(func(in *LinkInput) { in.Link.DeletionTimestamp = &now }), false, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"no consumer", after(func(in *LinkInput) { in.Consumer.Portal = nil }), false, v1alpha1.ReasonConsumerNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no consumer's agency", after(func(in *LinkInput) { in.Consumer.Agency = nil }), false, v1alpha1.ReasonConsumerNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the consumer goes", after(func(in *LinkInput) { in.Consumer.Portal.DeletionTimestamp = &now }), false, v1alpha1.ReasonConsumerNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no service", after(func(in *LinkInput) { in.Service = nil }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the service goes", after(func(in *LinkInput) { in.Service.DeletionTimestamp = &now }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no provider", after(func(in *LinkInput) { in.Provider.Portal = nil }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the dataset is another's", after(func(in *LinkInput) { in.Service.Status.Conditions = nil }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"another port than the portal's", after(func(in *LinkInput) { in.Provider.Portal.Spec.Port++ }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the consumer is suspended", after(func(in *LinkInput) { in.Consumer.Agency.Spec.Suspended = true }), false, v1alpha1.ReasonSuspended, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the provider's deletion is refused", after(func(in *LinkInput) { in.Provider.Agency.DeletionTimestamp = &now }), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"the provider is removed", after(func(in *LinkInput) {
			in.Provider.Agency.DeletionTimestamp = &now
			in.Provider.Agency.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOffboarding, Status: metav1.ConditionTrue}}
		}), false, v1alpha1.ReasonSuspended, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the consumer violates its policies", after(func(in *LinkInput) { in.Consumer.Portal.Status.Conditions = nil }), false, v1alpha1.ReasonEndNotCompliant, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the provider's spec is not looked at yet", after(func(in *LinkInput) { in.Provider.Portal.Generation++ }), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"an unknown operation", after(func(in *LinkInput) { in.Link.Spec.Operations = []string{"read", "erase"} }), false, v1alpha1.ReasonOperationNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"state secrets at the provider", after(func(in *LinkInput) { in.Provider.Portal.Spec.DataClassification = v1alpha1.ClassificationStateSecret }), false, v1alpha1.ReasonStateSecret, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"state secrets at the consumer", after(func(in *LinkInput) { in.Consumer.Portal.Spec.DataClassification = v1alpha1.ClassificationStateSecret }), false, v1alpha1.ReasonStateSecret, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"state secrets of the service", after(func(in *LinkInput) { in.Service.Spec.Classification = v1alpha1.ClassificationStateSecret }), false, v1alpha1.ReasonStateSecret, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"personal data without a legal basis", after(personal, func(in *LinkInput) { in.Link.Spec.LegalBasis = "\t" }), false, v1alpha1.ReasonLegalBasisMissing, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"direct is not allowed any more", after(func(in *LinkInput) { in.Policies = nil }), false, v1alpha1.ReasonDirectNotAllowed, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no sharing platform", after(viaPlatform, func(in *LinkInput) { in.Via = PortalWithAgency{} }), false, v1alpha1.ReasonRouteNotAvailable, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the sharing platform violates its policies", after(viaPlatform, func(in *LinkInput) { in.Via.Portal.Status.Conditions = nil }), false, v1alpha1.ReasonRouteNotAvailable, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"another route", after(viaPlatform), false, "", "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := DataSharingLink(tt.in)
			if out.Open != tt.open || (len(out.Objects) > 0) != tt.open {
				t.Errorf("open %v with %d objects, want %v", out.Open, len(out.Objects), tt.open)
			}
			reference, validity := "", ""
			if len(out.References) > 0 {
				reference = out.References[0].Reason
			}
			if out.Validity != nil {
				validity = out.Validity.Reason
			}
			if reference != tt.reference || validity != tt.validity || out.Provider.Reason != tt.provider || out.Authority.Reason != tt.authority {
				t.Errorf("reference %q, validity %q, provider %q, authority %q", reference, validity, out.Provider.Reason, out.Authority.Reason)
			}
			if (out.Hash == "") != (len(out.References) > 0 || !recordable(tt.in.Link.Spec.ValidUntil.Time)) {
				t.Errorf("hash %q with %d blocked references", out.Hash, len(out.References))
			}
			noEmptyPeers(t, out.Objects)
		})
	}
}

// noEmptyPeers: an empty "from" or "to" means everyone, and so does a rule
// without ports.
func noEmptyPeers(t *testing.T, objects []Object) {
	t.Helper()
	for _, o := range objects {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		check := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
			if len(peers) == 0 || len(ports) == 0 {
				t.Errorf("%s has a rule for everyone", p.Name)
			}
			for _, peer := range peers {
				if peer.IPBlock == nil && (peer.NamespaceSelector == nil || peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] == "" || peer.PodSelector == nil || len(peer.PodSelector.MatchLabels) == 0) {
					t.Errorf("%s has a peer without a name: %+v", p.Name, peer)
				}
			}
			for _, port := range ports {
				if port.Port == nil || port.Protocol == nil || port.EndPort != nil || port.Port.IntValue() < 1 {
					t.Errorf("%s opens %+v", p.Name, port)
				}
			}
		}
		if len(p.Spec.PodSelector.MatchLabels) == 0 {
			t.Errorf("%s selects all pods", p.Name)
		}
		for _, r := range p.Spec.Egress {
			check(r.To, r.Ports)
		}
		for _, r := range p.Spec.Ingress {
			check(r.From, r.Ports)
		}
	}
}

// TestPlatformFlows: the rules between a portal and the platforms that it
// references, and why there are none.
func TestPlatformFlows(t *testing.T) {
	now := metav1.NewTime(noon)
	inCluster := func(modify ...func(*ReferencedPlatform)) ReferencedPlatform {
		p := ReferencedPlatform{Endpoint: flowsOf("hub", "axis", 9443), Platform: &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "p"},
			Spec: v1alpha1.SharedPlatformSpec{Type: v1alpha1.PlatformIdentity, Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "hub", Name: "axis"}}}}}
		p.Endpoint.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"p"}
		for _, f := range modify {
			f(&p)
		}
		return p
	}
	external := func(cidrs ...v1alpha1.CIDR) ReferencedPlatform {
		return inCluster(func(p *ReferencedPlatform) {
			p.Endpoint = PortalWithAgency{}
			p.Platform.Spec.Endpoint = v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: cidrs, Port: 443}}
		})
	}
	tests := []struct {
		name     string
		platform ReferencedPlatform
		objects  int
		reason   string
	}{
		{"flow-portal", inCluster(), 2, ""},
		{"flow-external", external("198.51.100.0/24", "192.0.2.7/32", "2001:db8::/48"), 1, ""},
		{"outside the declared networks", external("203.0.113.0/24"), 0, v1alpha1.ReasonOutsideNetworks},
		{"metadata of machines", external("169.254.169.254/32"), 0, v1alpha1.ReasonOutsideNetworks},
		{"no consent", inCluster(func(p *ReferencedPlatform) {
			p.Endpoint.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"another"}
		}), 0, v1alpha1.ReasonOwnerConsentMissing},
		{"no platform", ReferencedPlatform{}, 0, v1alpha1.ReasonPlatformNotFound},
		{"duplicate", inCluster(func(p *ReferencedPlatform) { p.DuplicateOf = "older" }), 0, v1alpha1.ReasonDuplicateOf},
		{"no portal", inCluster(func(p *ReferencedPlatform) { p.Endpoint.Portal = nil }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"suspended", inCluster(func(p *ReferencedPlatform) { p.Endpoint.Agency.Spec.Suspended = true }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"not compliant", inCluster(func(p *ReferencedPlatform) { p.Endpoint.Portal.Status.Conditions = nil }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"going", inCluster(func(p *ReferencedPlatform) { p.Platform.DeletionTimestamp = &now }), 0, v1alpha1.ReasonPlatformUnavailable},
		{"for others", inCluster(func(p *ReferencedPlatform) { p.Platform.Spec.Agencies = []v1alpha1.AgencyName{"other"} }), 0, v1alpha1.ReasonPlatformNotAllowed},
		{"for us", inCluster(func(p *ReferencedPlatform) { p.Platform.Spec.Agencies = []v1alpha1.AgencyName{"other", "asker"} }), 2, ""},
		{"carries links", inCluster(func(p *ReferencedPlatform) { p.Platform.Spec.Type = v1alpha1.PlatformDataSharing }), 0, v1alpha1.ReasonPlatformNotAllowed},
		{"no address", external(), 0, v1alpha1.ReasonPlatformUnavailable},
		{"no address that can be read", external("192.0.2.0/24", "everywhere"), 0, v1alpha1.ReasonPlatformUnavailable},
		{"everyone", external("0.0.0.0/0"), 0, v1alpha1.ReasonPlatformUnavailable},
		{"itself", inCluster(func(p *ReferencedPlatform) {
			p.Endpoint = flowsOf("asker", "asks", 8080)
			p.Endpoint.Portal.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"p"}
		}), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := flowsOf("asker", "asks", 8080)
			in := PortalInput{Settings: networked(), Portal: e.Portal, Agency: e.Agency, Platforms: map[string]ReferencedPlatform{}}
			e.Portal.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "p"}}
			if tt.platform.Platform != nil {
				in.Platforms["p"] = tt.platform
			}
			objects, blocked := platformFlows(portalScope(in), in, &e.Portal.Spec)
			reason := ""
			if len(blocked) > 0 {
				reason = blocked[0].Reason
			}
			if len(objects) != tt.objects || reason != tt.reason {
				t.Errorf("%d objects, blocked by %q; want %d, %q", len(objects), reason, tt.objects, tt.reason)
			}
			noEmptyPeers(t, objects)
			if tt.name == "flow-portal" || tt.name == "flow-external" {
				goldenIn(t, "sharing", tt.name, objects)
			}
		})
	}
}

func networked() settings.Settings {
	s := settings.Default()
	s.Networks = []string{"192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32", "169.254.0.0/16"}
	return s
}

// TestScopeOf: what the hash rests on is what the link shows.
func TestScopeOf(t *testing.T) {
	in := linkInput(func(in *LinkInput) { in.Link.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerSecond: 7} })
	s, ok := ScopeOf(in)
	scoped := func(agency v1alpha1.AgencyName, name string) v1alpha1.LinkScopeEnd {
		return v1alpha1.LinkScopeEnd{Agency: agency, Name: name, UID: types.UID("uid-" + name), Exposure: v1alpha1.ExposureInternal, SecurityLevel: 1,
			DataClassification: v1alpha1.ClassificationInternal, Image: "registry.example.gov.vn/" + name}
	}
	want := v1alpha1.LinkScope{
		LinkUID: "uid-wants", LinkGeneration: 1, RequestedBy: "clerk@asker",
		Consumer: scoped("asker", "asks"), Provider: scoped("giver", "serves"),
		Service: v1alpha1.LinkScopeService{Agency: "giver", Name: "data", UID: "uid-data"}, Operations: []v1alpha1.Operation{{Name: "read", Method: "GET", Path: "/r"}},
		Port: 8443, Classification: v1alpha1.ClassificationInternal, Purpose: "p", LegalBasis: "l", ValidUntil: metav1.NewTime(noon.Add(time.Hour)), RequestsPerSecond: 7, Route: v1alpha1.RouteDirect,
	}
	if diff := gocmp.Diff(want, s); diff != "" || !ok {
		t.Errorf("scope differs (-want +got):\n%s", diff)
	}
	in.Consumer.Portal.UID = "anew"
	again, _ := ScopeOf(in)
	if policy.HashScope(again) == policy.HashScope(s) {
		t.Error("a portal made anew has the consent of the old one")
	}
	if !slices.Equal(in.Link.Spec.Operations, []string{"read"}) {
		t.Error("the link was changed")
	}
}

// TestAwaitRecord: nothing opens before its scope and who approved are stored, and
// what is open is not closed for that.
func TestAwaitRecord(t *testing.T) {
	hash := DataSharingLink(approvedLink()).Hash
	recorded := func(in *LinkInput) {
		a := in.Approvals[0]
		in.Link.Status.SpecHash = hash
		in.Link.Status.Decisions = []v1alpha1.LinkDecision{{UID: a.UID, Decision: string(a.Spec.Decision), SpecHash: a.Spec.SpecHash, Approver: a.Spec.Approver}}
	}
	for name, tt := range map[string]struct {
		change          func(*LinkInput)
		open, recording bool
	}{
		"nothing is stored":   {func(*LinkInput) {}, false, true},
		"all is":              {recorded, true, false},
		"the scope is not":    {func(in *LinkInput) { recorded(in); in.Link.Status.SpecHash = "" }, false, true},
		"another one":         {func(in *LinkInput) { recorded(in); in.Link.Status.SpecHash = "sha256:0" }, false, true},
		"the decision is not": {func(in *LinkInput) { recorded(in); in.Link.Status.Decisions = nil }, false, true},
		"an earlier one is":   {func(in *LinkInput) { recorded(in); in.Link.Status.Decisions[0].SpecHash = "sha256:0" }, false, true},
		"in another name":     {func(in *LinkInput) { recorded(in); in.Link.Status.Decisions[0].Approver = "x" }, false, true},
		"it is revoked since": {func(in *LinkInput) {
			recorded(in)
			in.Link.Status.Decisions = append(in.Link.Status.Decisions, v1alpha1.LinkDecision{UID: in.Approvals[0].UID, Decision: string(v1alpha1.DecisionRevoked)})
		}, false, true},
		"it is open": {func(in *LinkInput) {
			in.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy"}}
			in.Link.Status.ObservedGeneration = in.Link.Generation
		}, true, false},
		"it is open and loses this": {func(in *LinkInput) {
			in.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy"}}
			in.Link.Status.ObservedGeneration = in.Link.Generation
			in.Approvals = nil
		}, false, false},
	} {
		in := approvedLink()
		tt.change(&in)
		out := AwaitRecord(in, DataSharingLink(in))
		if out.Open != tt.open || out.Recording != tt.recording || (len(out.Objects) > 0) != tt.open {
			t.Errorf("%s: open %v, recording %v, %d objects", name, out.Open, out.Recording, len(out.Objects))
		}
	}
}
