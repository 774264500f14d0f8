package audit

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
)

// running is the world with a Deployment, a ReplicaSet and two pods for the
// portal of agency a.
func running() Input {
	in := world()
	yes := true
	var d *appsv1.Deployment
	for _, o := range portal.Decide(in.Portals[0]).Objects {
		if x, ok := o.(*appsv1.Deployment); ok {
			d = x.DeepCopy()
		}
	}
	d.UID = "deployment"
	controlled := func(apiKind, name string, uid types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: apiKind, Name: name, UID: uid, Controller: &yes}}
	}
	set := appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name + "-5d4f", UID: "set", OwnerReferences: controlled("Deployment", d.Name, d.UID)}}
	set.Spec.Template = d.Spec.Template
	in.Deployments, in.ReplicaSets = []appsv1.Deployment{*d}, []appsv1.ReplicaSet{set}
	for i, ip := range []string{"10.1.0.1", "10.1.0.2"} {
		p := corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: *d.Spec.Template.Spec.DeepCopy()}
		p.Namespace, p.Name, p.UID = d.Namespace, set.Name+string(rune('a'+i)), types.UID(ip)
		p.OwnerReferences = controlled("ReplicaSet", set.Name, set.UID)
		p.Spec.NodeName, p.Status.Phase = "node", corev1.PodRunning
		p.Status.PodIP, p.Status.PodIPs, p.Status.HostIP = ip, []corev1.PodIP{{IP: ip}}, "192.168.0.1"
		in.Snapshot.Pods = append(in.Snapshot.Pods, p)
	}
	in.Snapshot.Namespaces = []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "agency-a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "agency-b"}}}
	return in
}

// TestPodsAsTheyAre: whatever is not what a portal runs is named, and the audit
// does not hold. It fails without auditor.pods, and each case without its check.
func TestPodsAsTheyAre(t *testing.T) {
	if r := Run(running()); !r.Holds() {
		t.Fatalf("what runs as it should does not hold: %v", r.Differences)
	}
	byHand := func(in *Input) *corev1.Pod {
		p := in.Snapshot.Pods[0].DeepCopy()
		p.Name, p.UID, p.OwnerReferences = "by-hand", "by-hand", nil
		p.Status.PodIP, p.Status.PodIPs = "10.1.0.9", []corev1.PodIP{{IP: "10.1.0.9"}}
		in.Snapshot.Pods = append(in.Snapshot.Pods, *p)
		return &in.Snapshot.Pods[len(in.Snapshot.Pods)-1]
	}
	tests := []struct {
		name   string
		change func(*Input)
		kind   string
		says   []string
	}{
		{"made by hand", func(in *Input) { byHand(in) }, KindStrangePod, []string{"agency-a/by-hand", "label of portal portal", "nothing controls it", "kubectl -n agency-a delete pod by-hand"}},
		{"made by hand, without the label", func(in *Input) { byHand(in).Labels = nil }, KindStrangePod, []string{"agency-a/by-hand", "nothing controls it"}},
		{"a mirror pod", func(in *Input) {
			yes := true
			byHand(in).OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "node", UID: "node", Controller: &yes}}
		}, KindStrangePod, []string{"its controller is Node node"}},
		{"the right name, another ReplicaSet", func(in *Input) {
			p := byHand(in)
			p.OwnerReferences = in.Snapshot.Pods[0].DeepCopy().OwnerReferences
			p.OwnerReferences[0].UID = "forged"
		}, KindStrangePod, []string{"is no ReplicaSet of a portal"}},
		{"a ReplicaSet by hand", func(in *Input) { in.ReplicaSets[0].OwnerReferences = nil }, KindStrangePod, []string{"belongs to no Deployment"}},
		{"a Deployment by hand", func(in *Input) { in.Deployments[0].Labels = nil }, KindStrangePod, []string{"belongs to no portal"}},
		{"relabelled", func(in *Input) { in.Snapshot.Pods[0].Labels[names.LabelPortal] = "other" }, KindStrangePod, []string{"of portal portal and carries the label of \"other\""}},
		{"stripped", func(in *Input) { delete(in.Snapshot.Pods[0].Labels, names.LabelPortal) }, KindStrangePod, []string{"carries the label of \"\""}},
		{"another image", func(in *Input) { in.Snapshot.Pods[0].Spec.Containers[0].Image = "evil.example/x" }, KindChangedPod, []string{"runs portal evil.example/x http:8080"}},
		{"another port", func(in *Input) { in.Snapshot.Pods[0].Spec.Containers[0].Ports[0].ContainerPort = 22 }, KindShut, []string{"listens on 22", "they open [8080]"}},
		{"one container more", func(in *Input) {
			p := &in.Snapshot.Pods[0].Spec
			p.Containers = append(p.Containers, corev1.Container{Name: "tail", Image: "x"})
		}, KindChangedPod, []string{"tail x"}},
		{"an ephemeral container", func(in *Input) {
			in.Snapshot.Pods[0].Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "sh"}}}
		}, KindChangedPod, []string{"added the container debug"}},
		{"the address of another pod", func(in *Input) {
			in.Snapshot.Pods[0].Status.PodIP, in.Snapshot.Pods[0].Status.PodIPs = "10.1.0.2", []corev1.PodIP{{IP: "10.1.0.2"}}
		}, KindStrangePod, []string{"address 10.1.0.2, which pod agency-a/portal-5d4fb has as well"}},
		{"the address of a node", func(in *Input) {
			in.Snapshot.Pods[0].Status.PodIP, in.Snapshot.Pods[0].Status.PodIPs = "192.168.0.1", []corev1.PodIP{{IP: "192.168.0.1"}}
		}, KindStrangePod, []string{"which node node has as well"}},
		{"the node's network", func(in *Input) { in.Snapshot.Pods[0].Spec.HostNetwork = true }, KindStrangePod, []string{"its node's network"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := running()
			tt.change(&in)
			for _, d := range Run(in).Differences {
				found := d.Kind == tt.kind
				for _, part := range tt.says {
					found = found && strings.Contains(d.Message, part)
				}
				if found {
					return
				}
			}
			t.Errorf("no %s with %q in %v", tt.kind, tt.says, Run(in).Differences)
		})
	}
}
