package link

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

func endOf(agency, portal string, port int32) portalkind.End {
	a, p := kindtest.EndObjects(agency, portal, port)
	return portalkind.End{Agency: a, Portal: p}
}

// linkInput is a direct link that the provider has approved, modified before.
func linkInput(modify ...func(*Input)) Input {
	link, service, policies := kindtest.LinkObjects()
	in := Input{Settings: settings.Default(), Now: kindtest.Noon, Link: link, Service: service, Policies: policies,
		Consumer: endOf("asker", "asks", 8080), Provider: endOf("giver", "serves", 8443), Via: endOf("hub", "axis", 9443)}
	for _, f := range modify {
		f(&in)
	}
	return in
}

func addDecision(in *Input, namespace string, d v1alpha1.Decision) {
	hash := ""
	if s, ok := ScopeOf(*in); ok {
		hash = HashScope(s)
	}
	in.Approvals = append(in.Approvals, kindtest.ApprovalOf(namespace, fmt.Sprintf("a%d", len(in.Approvals)), hash, d))
}

func approvedLink(modify ...func(*Input)) Input {
	in := linkInput(modify...)
	addDecision(&in, "agency-giver", v1alpha1.DecisionApprove)
	return in
}

func viaPlatform(in *Input) { in.Link.Spec.Route = v1alpha1.RoutePlatform }

// TestLinkGolden: the policies of both routes, to the letter.
func TestLinkGolden(t *testing.T) {
	for name, in := range map[string]Input{
		"link-direct":               approvedLink(),
		"link-platform":             approvedLink(viaPlatform),
		"link-platform-is-consumer": approvedLink(viaPlatform, func(in *Input) { in.Via = in.Consumer }),
		"link-platform-is-provider": approvedLink(viaPlatform, func(in *Input) { in.Via = in.Provider }),
	} {
		t.Run(name, func(t *testing.T) {
			out := Decide(in)
			if !out.Open {
				t.Fatalf("not open: %+v", out)
			}
			kindtest.NoEmptyPeers(t, out.Objects)
			kindtest.Golden(t, name, out.Objects)
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
	asked := func(in *Input) {
		in.Asked = inForce("giver", v1alpha1.AgencyRights{
			AdminGroups: []v1alpha1.GroupName{"b", "a"}, ViewerGroups: []v1alpha1.GroupName{"a", "c"},
			AdminServiceAccounts: []v1alpha1.ServiceAccountReference{{Namespace: "gitops", Name: "giver"}},
		})
		in.Asked.Spec.AdminGroups = append(in.Asked.Spec.AdminGroups, "waits")
		in.Asked.Status.Rights.ViewerGroups = append(in.Asked.Status.Rights.ViewerGroups, "taken-away")
	}
	authority := func(in *Input) {
		in.Authority = inForce("mic", v1alpha1.AgencyRights{AdminGroups: []v1alpha1.GroupName{"d", "a"}})
	}
	kindtest.Golden(t, "link-readers", Decide(linkInput(asked, authority)).Readers)
	for name, tt := range map[string]struct {
		in   Input
		want int
	}{
		"open":                                    {approvedLink(asked), 2},
		"without such a service":                  {linkInput(asked, func(in *Input) { in.Service = nil }), 2},
		"the agency does not exist":               {linkInput(), 0},
		"the agency has nobody":                   {linkInput(func(in *Input) { in.Asked = &v1alpha1.Agency{} }), 0},
		"it asks itself, and the authority reads": {linkInput(asked, authority, func(in *Input) { in.Asked.Name = "asker" }), 2},
		"it asks itself":                          {linkInput(asked, func(in *Input) { in.Asked.Name = "asker" }), 0},
		"in no agency's namespace":                {linkInput(asked, func(in *Input) { in.Link.Namespace = "default" }), 0},
		"the link goes":                           {linkInput(asked, func(in *Input) { in.Link.DeletionTimestamp = &metav1.Time{Time: kindtest.Noon} }), 0},
	} {
		if got := Decide(tt.in).Readers; len(got) != tt.want {
			t.Errorf("%s: %d objects, want %d", name, len(got), tt.want)
		}
	}
}

// TestLinkOpen: who may read a link does not make it open.
// Fails when everything of a link counts as its policies.
func TestLinkOpen(t *testing.T) {
	l := &v1alpha1.DataSharingLink{}
	l.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Role"}, {Kind: "RoleBinding"}}
	if object.LinkOpen(l) {
		t.Error("a link with readers alone counts as open")
	}
	l.Status.Inventory = append(l.Status.Inventory, v1alpha1.InventoryEntry{Kind: "NetworkPolicy"})
	if !object.LinkOpen(l) {
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
	got := agencykind.Catalogue([]v1alpha1.DataService{
		service("z", same), service("a", same),
		service("restricted", func(s *v1alpha1.DataService) { s.Spec.Visibility = v1alpha1.VisibilityRestricted }),
		service("goes", func(s *v1alpha1.DataService) { s.DeletionTimestamp = &metav1.Time{Time: kindtest.Noon} }),
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
	for i := range agencykind.MaxCatalogue + 3 {
		many = append(many, service(fmt.Sprintf("s%03d", i), same))
	}
	if n := len(agencykind.Catalogue(many)); n != agencykind.MaxCatalogue {
		t.Errorf("%d entries", n)
	}
}

// TestLinkDecision: what opens a link and what shuts it. Every case starts from
// a link that is open.
func TestLinkDecision(t *testing.T) {
	personal := func(in *Input) { in.Service.Spec.Classification = v1alpha1.ClassificationPersonal }
	authorityFor := func(in *Input) {
		in.Policies[0].Spec.DataSharing.RequireAuthorityApprovalFor = []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}
	}
	after := func(modify ...func(*Input)) Input {
		in := approvedLink()
		for _, f := range modify {
			f(&in)
		}
		return in
	}
	authority := "agency-" + settings.Default().AuthorityAgency
	say := func(in Input, namespace string, d v1alpha1.Decision) Input {
		addDecision(&in, namespace, d)
		return in
	}
	now := metav1.NewTime(kindtest.Noon)
	tests := []struct {
		name                string
		in                  Input
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
		{"an audited policy asks for it", approvedLink(personal, authorityFor, func(in *Input) {
			in.Policies = append(in.Policies, in.Policies[0])
			in.Policies[1].Spec.Mode = v1alpha1.ModeAudit
			in.Policies[0].Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
		}), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"one second before the end", after(func(in *Input) { in.Now = in.Link.Spec.ValidUntil.Add(-time.Second) }), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"at the end", after(func(in *Input) { in.Now = in.Link.Spec.ValidUntil.Time }), false, "", v1alpha1.ReasonExpired, v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"a term as long as policy allows", after(func(in *Input) {
			in.Policies[0].Spec.DataSharing.MaxValidity = &metav1.Duration{Duration: 2 * time.Hour}
		}), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"a longer one", after(func(in *Input) {
			in.Policies[0].Spec.DataSharing.MaxValidity = &metav1.Duration{Duration: 2*time.Hour - time.Second}
		}), false, "", v1alpha1.ReasonValidityTooLong, v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"a term that no status can hold", after(func(in *Input) {
			in.Link.Spec.ValidUntil = metav1.NewTime(time.Date(2200, 1, 1, 13, 59, 59, 0, time.UTC))
		}), false, "", v1alpha1.ReasonValidityTooLong, v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"one of before 2000", after(func(in *Input) {
			in.Link.Spec.ValidUntil = metav1.NewTime(time.Date(2000, 1, 1, 0, 0, 0, 5, time.UTC))
		}), false, "", v1alpha1.ReasonExpired, v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the link is being deleted", after(func(in *Input) { in.Link.DeletionTimestamp = &now }), false, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"no consumer", after(func(in *Input) { in.Consumer.Portal = nil }), false, v1alpha1.ReasonConsumerNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no consumer's agency", after(func(in *Input) { in.Consumer.Agency = nil }), false, v1alpha1.ReasonConsumerNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the consumer goes", after(func(in *Input) { in.Consumer.Portal.DeletionTimestamp = &now }), false, v1alpha1.ReasonConsumerNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no service", after(func(in *Input) { in.Service = nil }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the service goes", after(func(in *Input) { in.Service.DeletionTimestamp = &now }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no provider", after(func(in *Input) { in.Provider.Portal = nil }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the dataset is another's", after(func(in *Input) { in.Service.Status.Conditions = nil }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"another port than the portal's", after(func(in *Input) { in.Provider.Portal.Spec.Port++ }), false, v1alpha1.ReasonServiceNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the consumer is suspended", after(func(in *Input) { in.Consumer.Agency.Spec.Suspended = true }), false, v1alpha1.ReasonSuspended, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the provider's deletion is refused", after(func(in *Input) { in.Provider.Agency.DeletionTimestamp = &now }), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"the provider is removed", after(func(in *Input) {
			in.Provider.Agency.DeletionTimestamp = &now
			in.Provider.Agency.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOffboarding, Status: metav1.ConditionTrue}}
		}), false, v1alpha1.ReasonSuspended, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the consumer violates its policies", after(func(in *Input) { in.Consumer.Portal.Status.Conditions = nil }), false, v1alpha1.ReasonEndNotCompliant, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the provider's spec is not looked at yet", after(func(in *Input) { in.Provider.Portal.Generation++ }), true, "", "", v1alpha1.ReasonApproved, v1alpha1.ReasonApprovalMissing},
		{"an unknown operation", after(func(in *Input) { in.Link.Spec.Operations = []string{"read", "erase"} }), false, v1alpha1.ReasonOperationNotFound, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"state secrets at the provider", after(func(in *Input) { in.Provider.Portal.Spec.DataClassification = v1alpha1.ClassificationStateSecret }), false, v1alpha1.ReasonStateSecret, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"state secrets at the consumer", after(func(in *Input) { in.Consumer.Portal.Spec.DataClassification = v1alpha1.ClassificationStateSecret }), false, v1alpha1.ReasonStateSecret, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"state secrets of the service", after(func(in *Input) { in.Service.Spec.Classification = v1alpha1.ClassificationStateSecret }), false, v1alpha1.ReasonStateSecret, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"personal data without a legal basis", after(personal, func(in *Input) { in.Link.Spec.LegalBasis = "\t" }), false, v1alpha1.ReasonLegalBasisMissing, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"direct is not allowed any more", after(func(in *Input) { in.Policies = nil }), false, v1alpha1.ReasonDirectNotAllowed, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"no sharing platform", after(viaPlatform, func(in *Input) { in.Via = portalkind.End{} }), false, v1alpha1.ReasonRouteNotAvailable, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"the sharing platform violates its policies", after(viaPlatform, func(in *Input) { in.Via.Portal.Status.Conditions = nil }), false, v1alpha1.ReasonRouteNotAvailable, "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
		{"another route", after(viaPlatform), false, "", "", v1alpha1.ReasonApprovalStale, v1alpha1.ReasonApprovalMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := Decide(tt.in)
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
			kindtest.NoEmptyPeers(t, out.Objects)
		})
	}
}

// TestScopeOf: what the hash rests on is what the link shows.
func TestScopeOf(t *testing.T) {
	in := linkInput(func(in *Input) { in.Link.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerSecond: 7} })
	s, ok := ScopeOf(in)
	scoped := func(agency v1alpha1.AgencyName, name string) v1alpha1.LinkScopeEnd {
		return v1alpha1.LinkScopeEnd{Agency: agency, Name: name, UID: types.UID("uid-" + name), Exposure: v1alpha1.ExposureInternal, SecurityLevel: 1,
			DataClassification: v1alpha1.ClassificationInternal, Image: "registry.example.gov.vn/" + name}
	}
	want := v1alpha1.LinkScope{
		LinkUID: "uid-wants", LinkGeneration: 1, RequestedBy: "clerk@asker",
		Consumer: scoped("asker", "asks"), Provider: scoped("giver", "serves"),
		Service: v1alpha1.LinkScopeService{Agency: "giver", Name: "data", UID: "uid-data"}, Operations: []v1alpha1.Operation{{Name: "read", Method: "GET", Path: "/r"}},
		Port: 8443, Classification: v1alpha1.ClassificationInternal, Purpose: "p", LegalBasis: "l", ValidUntil: metav1.NewTime(kindtest.Noon.Add(time.Hour)), RequestsPerSecond: 7, Route: v1alpha1.RouteDirect,
	}
	if diff := gocmp.Diff(want, s); diff != "" || !ok {
		t.Errorf("scope differs (-want +got):\n%s", diff)
	}
	in.Consumer.Portal.UID = "anew"
	again, _ := ScopeOf(in)
	if HashScope(again) == HashScope(s) {
		t.Error("a portal made anew has the consent of the old one")
	}
	if !slices.Equal(in.Link.Spec.Operations, []string{"read"}) {
		t.Error("the link was changed")
	}
}

// TestAwaitRecord: nothing opens before its scope and who approved are stored, and
// what is open is not closed for that.
func TestAwaitRecord(t *testing.T) {
	hash := Decide(approvedLink()).Hash
	recorded := func(in *Input) {
		a := in.Approvals[0]
		in.Link.Status.SpecHash = hash
		in.Link.Status.Decisions = []v1alpha1.LinkDecision{{UID: a.UID, Decision: string(a.Spec.Decision), SpecHash: a.Spec.SpecHash, Approver: a.Spec.Approver}}
	}
	for name, tt := range map[string]struct {
		change          func(*Input)
		open, recording bool
	}{
		"nothing is stored":   {func(*Input) {}, false, true},
		"all is":              {recorded, true, false},
		"the scope is not":    {func(in *Input) { recorded(in); in.Link.Status.SpecHash = "" }, false, true},
		"another one":         {func(in *Input) { recorded(in); in.Link.Status.SpecHash = "sha256:0" }, false, true},
		"the decision is not": {func(in *Input) { recorded(in); in.Link.Status.Decisions = nil }, false, true},
		"an earlier one is":   {func(in *Input) { recorded(in); in.Link.Status.Decisions[0].SpecHash = "sha256:0" }, false, true},
		"in another name":     {func(in *Input) { recorded(in); in.Link.Status.Decisions[0].Approver = "x" }, false, true},
		"it is revoked since": {func(in *Input) {
			recorded(in)
			in.Link.Status.Decisions = append(in.Link.Status.Decisions, v1alpha1.LinkDecision{UID: in.Approvals[0].UID, Decision: string(v1alpha1.DecisionRevoked)})
		}, false, true},
		"it is open": {func(in *Input) {
			in.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy"}}
			in.Link.Status.ObservedGeneration = in.Link.Generation
		}, true, false},
		"it is open and loses this": {func(in *Input) {
			in.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy"}}
			in.Link.Status.ObservedGeneration = in.Link.Generation
			in.Approvals = nil
		}, false, false},
	} {
		in := approvedLink()
		tt.change(&in)
		out := AwaitRecord(in, Decide(in))
		if out.Open != tt.open || out.Recording != tt.recording || (len(out.Objects) > 0) != tt.open {
			t.Errorf("%s: open %v, recording %v, %d objects", name, out.Open, out.Recording, len(out.Objects))
		}
	}
}
