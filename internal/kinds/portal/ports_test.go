package portal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/settings"
)

// runningPortal is a portal whose spec asks for one port while its Deployment,
// as observed, has the port of the template and so many pods, of which so many
// are of that template.
func runningPortal(spec, template, pods, updated int32, recorded ...int32) Input {
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-finance", Name: "tax", UID: "portal"}}
	p.Spec.Port, p.Spec.Exposure, p.Spec.Replicas = spec, v1alpha1.ExposureInternal, v1alpha1.Replicas{Min: 2}
	p.Status.Ports = recorded
	in := Input{Settings: settings.Default(), Portal: p, NamespaceGuarded: true,
		Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "finance", UID: "agency"}}}
	before := *p.DeepCopy()
	before.Spec.Port = template
	for _, o := range Decide(Input{Settings: in.Settings, Portal: &before, NamespaceGuarded: true, Agency: in.Agency}).Objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			in.Deployment = d.DeepCopy()
		}
	}
	in.Deployment.Generation, in.Deployment.Status = 2, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: pods, UpdatedReplicas: updated}
	return in
}

// TestPortsOfWhatRuns fails where servedPorts returns the spec's port alone, as
// the builders did: pods of a rollout that can't proceed are cut off then.
func TestPortsOfWhatRuns(t *testing.T) {
	tests := []struct {
		name string
		in   Input
		want []int32
	}{
		{"nothing changes", runningPortal(8080, 8080, 2, 2, 8080), []int32{8080}},
		{"the spec is not rolled out yet", runningPortal(8081, 8080, 2, 2, 8080), []int32{8080, 8081}},
		{"the rollout can't proceed", runningPortal(8081, 8081, 2, 0, 8080, 8081), []int32{8080, 8081}},
		{"one old pod is left", runningPortal(8081, 8081, 3, 2, 8080, 8081), []int32{8080, 8081}},
		{"rolled out", runningPortal(8081, 8081, 2, 2, 8080, 8081), []int32{8081}},
		{"the status is not about the template", func() Input {
			in := runningPortal(8081, 8081, 2, 2, 8080, 8081)
			in.Deployment.Status.ObservedGeneration = 1
			return in
		}(), []int32{8080, 8081}},
		{"old pods end", func() Input {
			in := runningPortal(8081, 8081, 2, 2, 8080, 8081)
			in.Deployment.Status.TerminatingReplicas = ptr.To(int32(1))
			return in
		}(), []int32{8080, 8081}},
		{"a second change during the first", runningPortal(8082, 8081, 3, 1, 8080, 8081), []int32{8080, 8081, 8082}},
		{"back again", runningPortal(8080, 8081, 3, 1, 8080, 8081), []int32{8081, 8080}},
		{"before ports were recorded", runningPortal(8081, 8080, 2, 2), []int32{8080, 8081}},
		{"too many changes", runningPortal(9000, 8088, 3, 1, 8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087), []int32{8080, 8081, 8082, 8083, 8084, 8085, 8086, 9000}},
		{"somebody else's Deployment", func() Input {
			in := runningPortal(8081, 22, 2, 2)
			in.Deployment.Labels = nil
			return in
		}(), []int32{8081}},
		{"suspended and stopped", func() Input {
			in := runningPortal(8081, 8081, 0, 0, 8080, 8081)
			in.Deployment.Spec.Replicas = ptr.To(int32(0))
			return in
		}(), []int32{8081}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := Decide(tt.in)
			if diff := cmp.Diff(tt.want, out.Ports); diff != "" {
				t.Errorf("ports differ (-want +got):\n%s", diff)
			}
			opened, served := kindtest.OpensAndServes(out.Objects)
			want := flow.SortedPorts(tt.want)
			if diff := cmp.Diff(want, opened); diff != "" {
				t.Errorf("the base policy differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, served); diff != "" {
				t.Errorf("the Service differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNameServersByAddress fails where the base policy opens DNS to pods only.
func TestNameServersByAddress(t *testing.T) {
	in := runningPortal(8080, 8080, 2, 2, 8080)
	in.Settings.ClusterDNS = settings.NameServers{Addresses: []string{"169.254.20.10/32"}}
	in.Policies = []v1alpha1.SecurityPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "closed"},
		Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, Network: &v1alpha1.NetworkControl{DenyInternetEgress: true}}}}
	out := Decide(in)
	if len(out.Findings) > 0 {
		t.Errorf("the installation's name servers are taken for the internet: %+v", out.Findings)
	}
	for _, o := range out.Objects {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok || !child.Opens(p) {
			continue
		}
		want := []networkingv1.NetworkPolicyEgressRule{{
			To:    []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "169.254.20.10/32"}}},
			Ports: []networkingv1.NetworkPolicyPort{flow.Port(corev1.ProtocolUDP, 53), flow.Port(corev1.ProtocolTCP, 53)},
		}}
		if diff := cmp.Diff(want, p.Spec.Egress); diff != "" {
			t.Errorf("egress differs (-want +got):\n%s", diff)
		}
	}
}

// TestRestart fails where the template does not carry spec.restart.
func TestRestart(t *testing.T) {
	for _, word := range []string{"", "2026-01-02T15:04:05Z"} {
		in := runningPortal(8080, 8080, 2, 2, 8080)
		in.Portal.Spec.Restart = word
		for _, o := range Decide(in).Objects {
			if d, ok := o.(*appsv1.Deployment); ok && d.Spec.Template.Annotations["platform.gov.vn/restart"] != word {
				t.Errorf("restart %q: the template has %v", word, d.Spec.Template.Annotations)
			}
		}
	}
}
