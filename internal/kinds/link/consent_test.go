package link

import (
	"testing"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestClassificationIsTheStrictest: a weaker label on the service, the portal or
// a sibling never counts. Before, only the service's own label did.
func TestClassificationIsTheStrictest(t *testing.T) {
	sibling := func(c v1alpha1.DataClassification) func(*Input) {
		return func(in *Input) {
			in.SiblingLabels = []v1alpha1.DataClassification{c}
		}
	}
	portal := func(c v1alpha1.DataClassification) func(*Input) {
		return func(in *Input) { in.Provider.Portal.Spec.DataClassification = c }
	}
	public := func(in *Input) { in.Service.Spec.Classification = v1alpha1.ClassificationPublic }
	for name, tt := range map[string]struct {
		in   Input
		want v1alpha1.DataClassification
	}{
		"all the same":             {linkInput(), v1alpha1.ClassificationInternal},
		"a service that says less": {linkInput(public), v1alpha1.ClassificationInternal},
		"public throughout":        {linkInput(public, portal(v1alpha1.ClassificationPublic)), v1alpha1.ClassificationPublic},
		"the portal":               {linkInput(public, portal(v1alpha1.ClassificationPersonal)), v1alpha1.ClassificationPersonal},
		"a sibling":                {linkInput(sibling(v1alpha1.ClassificationPersonal)), v1alpha1.ClassificationPersonal},
	} {
		if got := classification(tt.in); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if scope, ok := ScopeOf(tt.in); !ok || scope.Classification != tt.want {
			t.Errorf("%s: the scope says %s", name, scope.Classification)
		}
	}
	in := linkInput(public, portal(v1alpha1.ClassificationPersonal), func(in *Input) {
		in.Policies[0].Spec.DataSharing.RequireAuthorityApprovalFor = []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}
	})
	addDecision(&in, "agency-giver", v1alpha1.DecisionApprove)
	if out := Decide(in); out.Open || !out.AuthorityRequired {
		t.Errorf("personal data behind a public label needs no authority: %+v", out)
	}
	for name, c := range map[string]struct {
		change func(*Input)
		want   string
	}{
		"no legal basis":   {func(in *Input) { in.Link.Spec.LegalBasis = "" }, v1alpha1.ReasonLegalBasisMissing},
		"nobody who asks":  {func(in *Input) { in.Link.Spec.RequestedBy = "" }, v1alpha1.ReasonRequesterMissing},
		"a secret sibling": {sibling(v1alpha1.ClassificationStateSecret), v1alpha1.ReasonStateSecret},
	} {
		in := linkInput(public, portal(v1alpha1.ClassificationPersonal), c.change)
		if out := Decide(in); len(out.References) == 0 || out.References[0].Reason != c.want {
			t.Errorf("%s: %+v, want %s", name, out.References, c.want)
		}
	}
}

// TestMaterialChangesAskAgain: what an approver looked at is in the scope, and
// what is only operation is not.
func TestMaterialChangesAskAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		open   bool
	}{
		"nothing":                         {func(*Input) {}, true},
		"a new release":                   {func(in *Input) { in.Provider.Portal.Spec.Image = "registry.example.gov.vn/serves:v2" }, true},
		"more pods":                       {func(in *Input) { in.Provider.Portal.Spec.Replicas.Min = 9 }, true},
		"another display name":            {func(in *Input) { in.Consumer.Portal.Spec.DisplayName = "x" }, true},
		"another program at the consumer": {func(in *Input) { in.Consumer.Portal.Spec.Image = "registry.example.gov.vn/other:v1" }, false},
		"another program at the provider": {func(in *Input) { in.Provider.Portal.Spec.Image = "registry.example.gov.vn/other:v1" }, false},
		"exposure":                        {func(in *Input) { in.Consumer.Portal.Spec.Exposure = v1alpha1.ExposureInternet }, false},
		"security level":                  {func(in *Input) { in.Consumer.Portal.Spec.ExpectedUsers = 1000000 }, false},
		"classification":                  {func(in *Input) { in.Consumer.Portal.Spec.DataClassification = v1alpha1.ClassificationPublic }, false},
		"the link made anew":              {func(in *Input) { in.Link.UID = "anew" }, false},
		"changed and changed back":        {func(in *Input) { in.Link.Generation += 2 }, false},
	} {
		in := approvedLink()
		c.change(&in)
		if out := Decide(in); out.Open != c.open {
			t.Errorf("%s: open %v, want %v", name, out.Open, c.open)
		}
	}
}

// TestSeparationOfDuties: one person never decides for two sides.
func TestSeparationOfDuties(t *testing.T) {
	authority := "agency-" + settings.Default().AuthorityAgency
	needed := func(in *Input) {
		in.Policies[0].Spec.DataSharing.RequireAuthorityApprovalFor = []v1alpha1.DataClassification{v1alpha1.ClassificationInternal}
	}
	personal := func(in *Input) { in.Service.Spec.Classification = v1alpha1.ClassificationPersonal }
	approve := func(in *Input, namespace, user string) {
		addDecision(in, namespace, v1alpha1.DecisionApprove)
		in.Approvals[len(in.Approvals)-1].Spec.Approver = user
	}
	for name, tt := range map[string]struct {
		modify              []func(*Input)
		provider, authority []string
		open                bool
	}{
		"two people":                          {[]func(*Input){needed}, []string{"b"}, []string{"c"}, true},
		"one for both":                        {[]func(*Input){needed}, []string{"b"}, []string{"b"}, false},
		"in another letter case":              {[]func(*Input){needed}, []string{"b"}, []string{"B"}, false},
		"one for both, and one who helps out": {[]func(*Input){needed}, []string{"b", "d"}, []string{"b"}, true},
		"the authority is not asked":          {nil, []string{"b"}, []string{"b"}, true},
		"the requester, internal data":        {nil, []string{"clerk@asker"}, nil, true},
		"the requester, personal data":        {[]func(*Input){personal}, []string{"clerk@asker"}, nil, false},
		"three people, personal data":         {[]func(*Input){personal, needed}, []string{"b"}, []string{"c"}, true},
		"the requester as the authority":      {[]func(*Input){personal, needed}, []string{"b"}, []string{"clerk@asker"}, false},
	} {
		in := linkInput(tt.modify...)
		for _, u := range tt.provider {
			approve(&in, "agency-giver", u)
		}
		for _, u := range tt.authority {
			approve(&in, authority, u)
		}
		out := Decide(in)
		same := out.Provider.Reason == v1alpha1.ReasonSameApprover || out.Authority.Reason == v1alpha1.ReasonSameApprover
		if out.Open != tt.open || same == tt.open {
			t.Errorf("%s: open %v, provider %+v, authority %+v", name, out.Open, out.Provider, out.Authority)
		}
		if out.Scope == nil || HashScope(*out.Scope) != out.Hash {
			t.Errorf("%s: the scope is not what the hash stands for", name)
		}
	}
}
