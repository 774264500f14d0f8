package process

import (
	"fmt"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// TestSettingsStopNothingBySlip: a slip in the rules of the security level makes
// every system one of level 3, for which a standard asks more. The operator that
// starts with it goes on under the former settings and says so, also after another
// start, until somebody takes the change back or accepts it; and what was accepted
// once lets no later slip pass.
func TestSettingsStopNothingBySlip(t *testing.T) {
	cleared(t)
	op := env.Operator(t, harness.OperatorOptions{})
	newAgency(t, "slip", "S41")
	env.Create(t, harness.Policy("slip-level-3", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector = v1alpha1.PolicySelector{Agencies: []v1alpha1.AgencyName{"slip"}, SecurityLevels: []v1alpha1.SecurityLevel{3}}
		p.Spec.Availability = &v1alpha1.AvailabilityControl{MinReplicas: 3}
	}))
	portals := newPortals(t, "slip")
	wantHeld(t, op, false)

	slip := mistyped()
	for range 2 {
		op = restarted(t, op, slip)
		wantHeld(t, op, true)
		wantLevel(t, portals, 1, "True")
	}
	env.WaitTold(t, harness.OperatorNamespace, harness.AboutAny, "Warning SettingsHeld: ", "3 running portals and 0 open links (slip/p0 by securityLevels")

	op = restarted(t, op, settings.Default())
	wantHeld(t, op, false)
	wantLevel(t, portals, 1, "True")

	accepted := slip
	accepted.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 2}
	op = restarted(t, op, accepted)
	wantHeld(t, op, true)
	accepted.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 3}
	op = restarted(t, op, accepted)
	wantHeld(t, op, false)
	wantLevel(t, portals, 3, "False")

	// The portals comply with level 3, and a slip makes level 1 of it.
	for _, p := range portals {
		harness.Eventually(t, func() error {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
			p.Spec.Replicas.Min = 3
			return env.Admin.Update(t.Context(), p)
		})
	}
	wantLevel(t, portals, 3, "True")
	next := settings.Default()
	next.AcceptedImpact = accepted.AcceptedImpact
	op = restarted(t, op, next)
	wantHeld(t, op, true)
	wantLevel(t, portals, 3, "True")
}

// TestStandbyWeighsSettingsAgain: a standby starts with a slip while nothing runs that
// it would touch, and gets the lease when much does. It ends without a write, and the
// next start holds the settings.
func TestStandbyWeighsSettingsAgain(t *testing.T) {
	cleared(t)
	first := env.Operator(t, harness.OperatorOptions{LeaderElection: true})
	wantHeld(t, first, false)
	slip := mistyped()
	standby := env.Operator(t, harness.OperatorOptions{LeaderElection: true, Settings: &slip})
	if standby.Manager.SettingsHeld() {
		t.Fatal("the standby holds its settings, although nothing runs")
	}
	newAgency(t, "grows", "S42")
	portals := newPortals(t, "grows")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, standby, "ends and starts again")
	wantLevel(t, portals, 1, "True")
	third := env.Operator(t, harness.OperatorOptions{LeaderElection: true, Settings: &slip})
	wantHeld(t, third, true)
	wantLevel(t, portals, 1, "True")
}

// TestStandbyPutsNothingBack: a standby started with settings that others have replaced
// since. It ends when it gets the lease, although going back would touch nothing that
// runs: what the newer ones closed is closed already, and would open.
func TestStandbyPutsNothingBack(t *testing.T) {
	cleared(t)
	first := env.Operator(t, harness.OperatorOptions{LeaderElection: true})
	wantHeld(t, first, false)
	standby := env.Operator(t, harness.OperatorOptions{LeaderElection: true})
	newer := settings.Default()
	newer.AuthorityAgency = "newer"
	data, err := settings.Record{InForce: newer}.Data()
	if err != nil {
		t.Fatal(err)
	}
	record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: harness.OperatorNamespace, Name: settings.RecordName}}
	// As a replica with the newer ones records it that had the lease in between.
	env.Edit(t, record, func() { record.Data = data })
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, standby, "other settings than those that it started with")
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(record), record); err != nil || !maps.Equal(record.Data, data) {
		t.Errorf("it put its own on record: %v, %v", record.Data, err)
	}
	cleared(t)
}

func newAgency(t *testing.T, name, code string) {
	t.Helper()
	a := harness.Agency(name, code)
	env.Create(t, a)
	env.WaitReady(t, a)
}

// newPortals makes three portals of 500 users and waits until they run.
func newPortals(t *testing.T, agency string) (portals []*v1alpha1.AgencyPortal) {
	t.Helper()
	for i := range 3 {
		p := harness.Portal(agency, fmt.Sprintf("p%d", i), func(p *v1alpha1.AgencyPortal) { p.Spec.ExpectedUsers = 500 })
		env.Create(t, p)
		env.WaitReady(t, p)
		portals = append(portals, p)
	}
	return portals
}

// mistyped are settings with which a system of 100 users has level 3.
func mistyped() settings.Settings {
	s := settings.Default()
	for i := range s.SecurityLevels {
		if s.SecurityLevels[i].MinUsers == 10000 {
			s.SecurityLevels[i].MinUsers = 100
		}
	}
	return s
}

// cleared removes what earlier tests made the operator record.
func cleared(t *testing.T) {
	t.Helper()
	record := &corev1.ConfigMap{}
	record.Namespace, record.Name = harness.OperatorNamespace, settings.RecordName
	if err := client.IgnoreNotFound(env.Admin.Delete(t.Context(), record)); err != nil {
		t.Fatal(err)
	}
}

func restarted(t *testing.T, op *harness.Operator, s settings.Settings) *harness.Operator {
	t.Helper()
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	return env.Operator(t, harness.OperatorOptions{Settings: &s})
}

// wantHeld waits until the operator has recorded whether its settings are held.
func wantHeld(t *testing.T, op *harness.Operator, want bool) {
	t.Helper()
	if got := op.Manager.SettingsHeld(); got != want {
		t.Errorf("the operator holds its settings: %v, want %v", got, want)
	}
	harness.Eventually(t, func() error {
		var kept corev1.ConfigMap
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: harness.OperatorNamespace, Name: settings.RecordName}, &kept); err != nil {
			return err
		}
		record, err := settings.ParseRecord(kept.Data)
		if err != nil {
			return err
		}
		if (record.Held != "") != want {
			return fmt.Errorf("the record says %q", record.Held)
		}
		return nil
	})
}

// wantLevel waits until the portals have a level and state, and sees them keep it.
func wantLevel(t *testing.T, portals []*v1alpha1.AgencyPortal, level v1alpha1.SecurityLevel, ready string) {
	t.Helper()
	look := func() error {
		for _, p := range portals {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
			r := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			if p.Status.ObservedGeneration != p.Generation || p.Status.SecurityLevel != level || r == nil || string(r.Status) != ready {
				return fmt.Errorf("portal %s has level %d and %+v, want level %d and Ready %s", p.Name, p.Status.SecurityLevel, r, level, ready)
			}
		}
		return nil
	}
	harness.Eventually(t, look)
	for range 20 {
		if err := look(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
