package portal

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
)

// TestReplacement goes through the rounds of a change of program: it is on record
// before the new one is written, and until no pod of another one is left, whatever
// the spec is by then. A new release of the same program is none.
// Fails when what is written first is not what ran, when the record goes with the
// spec, or when it goes while the rollout is not complete.
func TestReplacement(t *testing.T) {
	in := portal()
	const good, evil = "registry.gov.example/mof/tax", "registry.gov.example/mof/miner"
	written := func(out Output) *appsv1.Deployment {
		for _, o := range out.Objects {
			if d, ok := o.(*appsv1.Deployment); ok {
				return d
			}
		}
		t.Fatal("no Deployment")
		return nil
	}
	rolledOut := appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2, ObservedGeneration: 100}
	stuck := appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 1, AvailableReplicas: 2, ObservedGeneration: 100}
	for i, round := range []struct {
		name, spec string
		rollout    appsv1.DeploymentStatus // as the round finds it
		writes     string
		from       string // on record after the round; empty for none
	}{
		{"at first", good + ":1", rolledOut, good + ":1", ""},
		{"converged", good + ":1", rolledOut, good + ":1", ""},
		{"a new release", good + ":2", rolledOut, good + ":2", ""},
		{"another program is recorded", evil + ":1", rolledOut, good + ":2", good},
		{"and written", evil + ":1", rolledOut, evil + ":1", good},
		{"and rolled out", evil + ":1", stuck, evil + ":1", good},
		{"until no pod of the other is left", evil + ":1", rolledOut, evil + ":1", ""},
		{"the way back is recorded", good + ":none", rolledOut, evil + ":1", evil},
		{"and written", good + ":none", rolledOut, good + ":none", evil},
		{"and never ends", good + ":none", stuck, good + ":none", evil},
		{"with another release neither", good + ":3", stuck, good + ":3", evil},
		{"until it does", good + ":3", rolledOut, good + ":3", ""},
	} {
		in.Portal.Generation++
		in.Portal.Spec.Image = round.spec
		if in.Deployment != nil {
			in.Deployment.Status = round.rollout
		}
		out := Decide(in)
		SetStatus(in, out, child.Result{}, nil)
		d := written(out)
		if got := d.Spec.Template.Spec.Containers[0].Image; got != round.writes {
			t.Errorf("%d, %s: it writes %s, want %s", i, round.name, got, round.writes)
		}
		from := ""
		if r := in.Portal.Status.Replacing; r != nil {
			from = r.From
		}
		if from != round.from {
			t.Errorf("%d, %s: %q is being replaced, want %q", i, round.name, from, round.from)
		}
		if last := in.Portal.Status.LastCompliant; last == nil || last.Image != round.writes {
			t.Errorf("%d, %s: the last compliant spec is %+v", i, round.name, last)
		}
		in.Deployment = d
		in.Deployment.Generation = 1
	}
}

// TestReplacementOfFacts: a class, a level or an exposure is material too, though the
// pods do not change for it.
func TestReplacementOfFacts(t *testing.T) {
	in := portal()
	round := func() Output {
		in.Portal.Generation++
		out := Decide(in)
		SetStatus(in, out, child.Result{}, nil)
		for _, o := range out.Objects {
			if d, ok := o.(*appsv1.Deployment); ok {
				in.Deployment = d
				in.Deployment.Status = appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2, ObservedGeneration: 1}
			}
		}
		return out
	}
	round()
	in.Portal.Spec.DataClassification = v1alpha1.ClassificationPersonal
	if out := round(); !out.Recording || in.Portal.Status.Replacing == nil {
		t.Errorf("a stricter class is not recorded: %+v", in.Portal.Status.Replacing)
	}
	for range 2 {
		round()
	}
	if in.Portal.Status.Replacing != nil {
		t.Errorf("it stays: %+v", in.Portal.Status.Replacing)
	}
	// A Deployment that is not the portal's own proves nothing: what ran last counts.
	in.Deployment.Labels = nil
	in.Deployment.OwnerReferences = []metav1.OwnerReference{}
	in.Portal.Spec.DataClassification = v1alpha1.ClassificationInternal
	if out := Decide(in); out.Replacing == nil || !out.Hold {
		t.Errorf("a foreign Deployment counts: %+v", out.Replacing)
	}
}

// TestReplacementWithoutDeployment: a portal whose Deployment is gone starts another
// program only when that is on record and its links are closed, and does not start
// the former one for the wait. A suspended one waits for nothing.
// Fails when what is not there is taken for what never ran.
func TestReplacementWithoutDeployment(t *testing.T) {
	in := portal()
	out := Decide(in)
	SetStatus(in, out, child.Result{}, nil)
	in.Deployment = nil
	in.Portal.Spec.Image = "registry.gov.example/mof/miner:1"
	starts := func(out Output) bool {
		return slices.ContainsFunc(out.Objects, func(o object.Object) bool { _, ok := o.(*appsv1.Deployment); return ok })
	}
	for i, round := range []struct {
		policies []string
		starts   bool
	}{{nil, false}, {[]string{"link-x-egress"}, false}, {nil, true}} {
		in.LinkPolicies = round.policies
		out := Decide(in)
		SetStatus(in, out, child.Result{}, nil)
		if starts(out) != round.starts || in.Portal.Status.Replacing == nil {
			t.Errorf("round %d: it starts %t, %+v", i, starts(out), in.Portal.Status.Replacing)
		}
	}
	in.Portal.Status.Replacing, in.Agency.Spec.Suspended = nil, true
	in.Portal.Status.LastCompliant.Image = "registry.gov.example/mof/tax:1"
	if out := Decide(in); out.Hold || out.Recording || out.Replacing == nil {
		t.Errorf("suspended: hold %t, recording %t, %+v", out.Hold, out.Recording, out.Replacing)
	}
	// Nobody knows what ran, and a link is open.
	in.Agency.Spec.Suspended, in.Portal.Status.LastCompliant = false, nil
	in.LinkPolicies = []string{"link-x-egress"}
	for range 2 {
		out := Decide(in)
		SetStatus(in, out, child.Result{}, nil)
		if starts(out) || in.Portal.Status.Replacing == nil {
			t.Errorf("beside a link it starts %t, %+v", starts(out), in.Portal.Status.Replacing)
		}
	}
}

// TestReplacementWaitsForLinks: the other program is not written while a link is open
// that was approved for the one before. Fails when the record alone is enough.
func TestReplacementWaitsForLinks(t *testing.T) {
	in := portal()
	round := func() Output {
		in.Portal.Generation++
		out := Decide(in)
		SetStatus(in, out, child.Result{}, nil)
		for _, o := range out.Objects {
			if d, ok := o.(*appsv1.Deployment); ok {
				in.Deployment = d
				in.Deployment.Status = appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2, ObservedGeneration: 1}
			}
		}
		return out
	}
	runs := func() string { return in.Deployment.Spec.Template.Spec.Containers[0].Image }
	round()
	good := runs()
	in.Portal.Spec.Image = "registry.gov.example/mof/miner:1"
	round()
	in.LinkPolicies = []string{"link-x-egress"}
	out := round()
	if !out.Recording || runs() != good || RecheckAfter(in, out) != linksClose {
		t.Errorf("recording %t, it runs %s, looks again after %s", out.Recording, runs(), RecheckAfter(in, out))
	}
	kindtest.AssertMessage(t, in.Portal, v1alpha1.ConditionWorkloadAvailable, "NetworkPolicy link-x-egress is still there")
	in.LinkPolicies = nil
	if round(); runs() != in.Portal.Spec.Image {
		t.Errorf("it runs %s", runs())
	}
}

// TestReplacementForgetsNothing: a portal that runs nothing, or whose Deployment is
// lost or is somebody else's, proves nothing about the pods. Fails when the record
// goes with the workload.
func TestReplacementForgetsNothing(t *testing.T) {
	for name, lose := range map[string]func(*Input){
		"blocked": func(in *Input) {
			in.OneStopHolder = "old"
			in.Portal.Spec.Components = []v1alpha1.Component{v1alpha1.ComponentOneStop}
		},
		"no Deployment":    func(in *Input) { in.Deployment = nil },
		"of somebody else": func(in *Input) { in.Deployment.OwnerReferences, in.Deployment.Labels = nil, nil },
	} {
		in := portal()
		out := Decide(in)
		SetStatus(in, out, child.Result{}, nil)
		for _, o := range out.Objects {
			if d, ok := o.(*appsv1.Deployment); ok {
				in.Deployment = d
			}
		}
		in.Portal.Status.Replacing = &v1alpha1.PortalReplacement{From: "a", To: "b"}
		lose(&in)
		if out := Decide(in); out.Replacing == nil || out.Replacing.From != "a" {
			t.Errorf("%s: %+v", name, out.Replacing)
		}
	}
}

// TestReplacementOfWhatNobodyKnows: what runs is left alone in the round that records,
// also where the status does not know it. Fails when the new program is written
// without a record.
func TestReplacementOfWhatNobodyKnows(t *testing.T) {
	in := portal()
	out := Decide(in)
	for _, o := range out.Objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			in.Deployment = d
		}
	}
	in.Portal.Status.LastCompliant = nil
	in.Portal.Spec.Image = "registry.gov.example/mof/miner:1"
	out = Decide(in)
	SetStatus(in, out, child.Result{}, nil)
	if !out.Hold || !out.Recording || in.Portal.Status.Replacing == nil {
		t.Errorf("hold %t, recording %t, %+v", out.Hold, out.Recording, in.Portal.Status.Replacing)
	}
	for _, o := range out.Objects {
		if _, ok := o.(*appsv1.Deployment); ok {
			t.Error("it writes a Deployment")
		}
	}
	kindtest.AssertMessage(t, in.Portal, v1alpha1.ConditionWorkloadAvailable, "is being recorded")
}
