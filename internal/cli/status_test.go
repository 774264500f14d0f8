package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// fixedReader answers lists from its fields, or with the error for the kind.
type fixedReader struct {
	client.Reader
	agencies  []v1alpha1.Agency
	portals   []v1alpha1.AgencyPortal
	policies  []v1alpha1.SecurityPolicy
	platforms []v1alpha1.SharedPlatform
	errs      map[string]error
}

func (r fixedReader) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	switch l := list.(type) {
	case *v1alpha1.AgencyList:
		l.Items = r.agencies
		return r.errs["agencies"]
	case *v1alpha1.SecurityPolicyList:
		l.Items = r.policies
		return r.errs["securitypolicies"]
	case *v1alpha1.SharedPlatformList:
		l.Items = r.platforms
	case *v1alpha1.AgencyPortalList:
		for i := range r.portals {
			if o.Namespace == "" || r.portals[i].Namespace == o.Namespace {
				l.Items = append(l.Items, r.portals[i])
			}
		}
		return r.errs["agencyportals"]
	}
	return r.errs["sharing"]
}

func observed(status metav1.ConditionStatus, reason, message string) v1alpha1.StatusBase {
	return v1alpha1.StatusBase{ObservedGeneration: 1, Conditions: []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: message}}}
}

func country() fixedReader {
	deleted := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	agency := func(name, code string, status v1alpha1.StatusBase) v1alpha1.Agency {
		return v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 1},
			Spec: v1alpha1.AgencySpec{Code: code, AdminLevel: "Central"}, Status: v1alpha1.AgencyStatus{StatusBase: status, AgencyContents: v1alpha1.AgencyContents{Portals: 1}}}
	}
	portal := func(ns, name string, level v1alpha1.SecurityLevel, status v1alpha1.StatusBase) v1alpha1.AgencyPortal {
		return v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Generation: 1},
			Spec:   v1alpha1.AgencyPortalSpec{Exposure: v1alpha1.ExposureInternal},
			Status: v1alpha1.AgencyPortalStatus{StatusBase: status, SecurityLevel: level}}
	}
	ready := observed(metav1.ConditionTrue, v1alpha1.ReasonReady, "Everything that the spec asks for is observed.")
	r := fixedReader{
		agencies: []v1alpha1.Agency{agency("taxation", "G12.18", ready), agency("health", "G18", ready), agency("finance", "G12", ready)},
		portals: []v1alpha1.AgencyPortal{
			portal("agency-health", "booking", 3, observed(metav1.ConditionFalse, v1alpha1.ReasonViolation, "policy level-3, control images.requireDigest:\nfound a tag, wanted a digest.")),
			portal("agency-finance", "thuế", 3, ready),
			portal("agency-finance", "new", 0, v1alpha1.StatusBase{ObservedGeneration: -1}),
			portal("agency-finance", "edited", 2, ready),
			portal("agency-finance", "leaving", 2, ready),
		},
		policies: []v1alpha1.SecurityPolicy{
			{ObjectMeta: metav1.ObjectMeta{Name: "level-3", Generation: 1}, Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce},
				Status: v1alpha1.SecurityPolicyStatus{StatusBase: observed(metav1.ConditionTrue, v1alpha1.ReasonEnforcing, ""), Matched: 2, Compliant: 1, Violating: 1}},
		},
	}
	r.portals[3].Generation = 2
	r.portals[4].DeletionTimestamp = &deleted
	return r
}

// TestPolicyThatSelectsNothing: the hint of a policy that is ready is shown.
func TestPolicyThatSelectsNothing(t *testing.T) {
	r := country()
	hint := "It selects no portal at the moment; if it should, look for a typo in spec.selector."
	r.policies[0].Status.StatusBase = observed(metav1.ConditionTrue, v1alpha1.ReasonEnforcing, hint)
	s, err := view.ReadSummary(t.Context(), r, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Policies[0].Message; got != hint {
		t.Errorf("message %q", got)
	}
}

func TestStatusGolden(t *testing.T) {
	tests := []struct {
		name, namespace string
		color           bool
	}{{name: "all"}, {name: "one-namespace", namespace: "agency-health"}, {name: "color", color: true}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := view.ReadSummary(context.Background(), country(), test.namespace)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := PrintSummary(&out, s, test.color); err != nil {
				t.Fatal(err)
			}
			assertGolden(t, "testdata/status/"+test.name+".golden", out.String())
		})
	}
}

// TestStatusMentions: what a ready standard or platform lacks is shown. Fails without
// mention.
func TestStatusMentions(t *testing.T) {
	lacks := func(reason string, conditions ...string) v1alpha1.StatusBase {
		base := observed(metav1.ConditionTrue, reason, "")
		for _, c := range conditions {
			base.Conditions = append(base.Conditions, metav1.Condition{Type: c, Status: metav1.ConditionFalse, Message: c + " is false."})
		}
		return base
	}
	s, err := view.ReadSummary(context.Background(), fixedReader{
		policies: []v1alpha1.SecurityPolicy{
			{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 1}, Status: v1alpha1.SecurityPolicyStatus{StatusBase: lacks(v1alpha1.ReasonEnforcing, v1alpha1.ConditionAgenciesResolved)}},
			{ObjectMeta: metav1.ObjectMeta{Name: "q", Generation: 1}, Status: v1alpha1.SecurityPolicyStatus{StatusBase: lacks(v1alpha1.ReasonEnforcing, v1alpha1.ConditionControlsEffective)}},
		},
		platforms: []v1alpha1.SharedPlatform{
			{ObjectMeta: metav1.ObjectMeta{Name: "a", Generation: 1}, Status: v1alpha1.SharedPlatformStatus{StatusBase: lacks(v1alpha1.ReasonCatalogued, v1alpha1.ConditionAgenciesResolved, v1alpha1.ConditionAvailable)}},
			{ObjectMeta: metav1.ObjectMeta{Name: "b", Generation: 1}, Status: v1alpha1.SharedPlatformStatus{StatusBase: lacks(v1alpha1.ReasonReady, v1alpha1.ConditionAgenciesResolved)}},
		},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{s.Policies[0].Message, s.Policies[1].Message, s.Platforms[0].Message, s.Platforms[1].Message}
	if diff := cmp.Diff([]string{"AgenciesResolved is false.", "ControlsEffective is false.", "Available is false.", "AgenciesResolved is false."}, got); diff != "" {
		t.Errorf("messages differ (-want +got):\n%s", diff)
	}
}

func TestStatusStructuredOutput(t *testing.T) {
	s, err := view.ReadSummary(context.Background(), country(), "agency-health")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"json", "yaml"} {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		if err := writeSummary(streams, s, format); err != nil {
			t.Fatal(err)
		}
		assertGolden(t, "testdata/status/health."+format+".golden", out.String())
	}
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	if err := writeSummary(streams, s, "wide"); err == nil {
		t.Error("an unknown format was accepted")
	}
}

func TestStatusWithFewRights(t *testing.T) {
	forbidden := func(kind string) error {
		return apierrors.NewForbidden(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: kind}, "", errors.New("no"))
	}
	r := country()
	r.errs = map[string]error{"agencies": forbidden("agencies"), "securitypolicies": forbidden("securitypolicies")}
	r.agencies, r.policies = nil, nil
	s, err := view.ReadSummary(context.Background(), r, "agency-health")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"agencies", "securitypolicies"}, s.NotReadable); diff != "" {
		t.Error(diff)
	}
	if len(s.Portals) != 1 {
		t.Errorf("%d portals, expected the agency's own", len(s.Portals))
	}

	r.errs["agencyportals"], r.errs["sharing"] = forbidden("agencyportals"), forbidden("sharing")
	if _, err := view.ReadSummary(context.Background(), r, ""); err == nil || !strings.Contains(err.Error(), "viewerGroups") {
		t.Errorf("error is %v, expected a remedy", err)
	}
}

func TestStatusWithoutThePlatform(t *testing.T) {
	r := fixedReader{errs: map[string]error{"agencies": &meta.NoKindMatchError{}}}
	if _, err := view.ReadSummary(context.Background(), r, ""); err == nil || !strings.Contains(err.Error(), "install govplatform") {
		t.Errorf("error is %v, expected a remedy", err)
	}
}

func TestStatusOfNamedPortals(t *testing.T) {
	s, err := view.ReadSummary(context.Background(), country(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.KeepPortals([]string{"booking"}); err != nil || len(s.Portals) != 1 {
		t.Errorf("%v, portals %v", err, s.Portals)
	}
	if err := s.KeepPortals([]string{"nowhere"}); err == nil {
		t.Error("a portal that does not exist was accepted")
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		stdout, _, err := runCommand("", "completion", shell)
		if err != nil || len(stdout) < 100 {
			t.Errorf("completion %s: %v, %d bytes", shell, err, len(stdout))
		}
	}
	stdout, _, err := runCommand("", "__complete", "render", "-o", "")
	if err != nil || !strings.Contains(stdout, "yaml\njson\n") {
		t.Errorf("formats are not completed: %v\n%s", err, stdout)
	}
}

// TestStatusOfNowhere fails when a mistyped namespace shows as one without trouble.
func TestStatusOfNowhere(t *testing.T) {
	for namespace, want := range map[string]string{
		"":              "",
		"agency-health": "",
		"agency-helth":  `namespace "agency-helth" is no agency's`,
	} {
		s, err := view.ReadSummary(context.Background(), country(), namespace)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Found(namespace); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", namespace, err, want)
		}
	}
}
