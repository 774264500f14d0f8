package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/names"
)

// makers finds who made a pod, by UID and never by name.
type makers struct {
	sets        map[types.UID]*appsv1.ReplicaSet
	deployments map[types.UID]*appsv1.Deployment
	portals     map[names.Owner]*v1alpha1.AgencyPortal
}

func (a *auditor) makers() makers {
	m := makers{sets: map[types.UID]*appsv1.ReplicaSet{}, deployments: map[types.UID]*appsv1.Deployment{}, portals: map[names.Owner]*v1alpha1.AgencyPortal{}}
	for i := range a.in.ReplicaSets {
		m.sets[a.in.ReplicaSets[i].UID] = &a.in.ReplicaSets[i]
	}
	for i := range a.in.Deployments {
		m.deployments[a.in.Deployments[i].UID] = &a.in.Deployments[i]
	}
	for _, i := range a.in.Portals {
		m.portals[names.OwnerOf(v1alpha1.KindAgencyPortal, i.Portal)] = i.Portal
	}
	return m
}

// of returns the ReplicaSet and the portal that a pod belongs to, or why it
// belongs to none.
func (m makers) of(pod *corev1.Pod) (*appsv1.ReplicaSet, *v1alpha1.AgencyPortal, string) {
	ref := metav1.GetControllerOf(pod)
	if ref == nil {
		return nil, nil, "nothing controls it"
	}
	set := m.sets[ref.UID]
	if set == nil || set.Namespace != pod.Namespace {
		return nil, nil, fmt.Sprintf("its controller is %s %s, which is no ReplicaSet of a portal", ref.Kind, ref.Name)
	}
	ref = metav1.GetControllerOf(set)
	if ref == nil || m.deployments[ref.UID] == nil || m.deployments[ref.UID].Namespace != pod.Namespace {
		return nil, nil, fmt.Sprintf("its ReplicaSet %s belongs to no Deployment", set.Name)
	}
	d := m.deployments[ref.UID]
	owner, marked := names.MarkedOwner(d)
	portal := m.portals[owner]
	if !marked || portal == nil || d.Name != portal.Name || d.Namespace != portal.Namespace {
		return nil, nil, fmt.Sprintf("its Deployment %s belongs to no portal", d.Name)
	}
	return set, portal, ""
}

// pods names every pod of an agency's namespace that is not what a portal runs:
// made by somebody else, changed afterwards, or at an address that is not its own.
func (a *auditor) pods() {
	m, at := a.makers(), a.addressesOfPods()
	for i := range a.in.Snapshot.Pods {
		p := &a.in.Snapshot.Pods[i]
		if _, ok := names.AgencyOf(p.Namespace); !ok || ended(p) || a.supposed[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] {
			continue
		}
		a.sharedAddress(p, at)
		set, portal, why := m.of(p)
		labelled := p.Labels[names.LabelPortal]
		switch {
		case why != "" && labelled != "":
			a.strange(p, "it carries the label of portal %s, so it is in its Service and policies, but %s", labelled, why)
		case why != "":
			a.strange(p, "%s", why)
		case labelled != portal.Name:
			a.strange(p, "it is of portal %s and carries the label of %q, so other policies hold it", portal.Name, labelled)
		default:
			a.changedPod(p, set, portal)
		}
	}
}

func (a *auditor) strange(p *corev1.Pod, format string, args ...any) {
	a.differ(KindStrangePod, "pod %s/%s: %s; find out who made or changed it, then: kubectl -n %s delete pod %s", p.Namespace, p.Name, fmt.Sprintf(format, args...), p.Namespace, p.Name)
}

// changedPod compares a pod with what its ReplicaSet makes, and its port with
// those that the portal's policies open.
func (a *auditor) changedPod(p *corev1.Pod, set *appsv1.ReplicaSet, portal *v1alpha1.AgencyPortal) {
	change := func(format string, args ...any) {
		a.differ(KindChangedPod, "pod %s/%s: %s; delete it, its ReplicaSet makes another: kubectl -n %s delete pod %s", p.Namespace, p.Name, fmt.Sprintf(format, args...), p.Namespace, p.Name)
	}
	if was, is := outline(set.Spec.Template.Spec.Containers), outline(p.Spec.Containers); !slices.Equal(was, is) {
		change("it runs %s, and its portal runs %s", strings.Join(is, ", "), strings.Join(was, ", "))
	}
	if was, is := outline(set.Spec.Template.Spec.InitContainers), outline(p.Spec.InitContainers); !slices.Equal(was, is) {
		change("it starts with %s, and its portal with %s", orNone(is), orNone(was))
	}
	for _, e := range p.Spec.EphemeralContainers {
		change("somebody added the container %s with image %s", e.Name, e.Image)
	}
	ports := flow.Ports(portal)
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if !slices.Contains(ports, port.ContainerPort) {
				a.differ(KindShut, "pod %s/%s listens on %d, which policies and Service of its portal do not open (they open %v); the operator opens it while it runs, or the rollout replaces the pod", p.Namespace, p.Name, port.ContainerPort, ports)
			}
		}
	}
}

// outline is what counts of containers, in order.
func outline(containers []corev1.Container) []string {
	out := []string{}
	for _, c := range containers {
		text := c.Name + " " + c.Image
		for _, p := range c.Ports {
			text += " " + p.Name + ":" + strconv.Itoa(int(p.ContainerPort))
		}
		out = append(out, text)
	}
	return out
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// addressesOfPods maps every address to the pods and nodes that have it.
func (a *auditor) addressesOfPods() map[string][]string {
	at := map[string][]string{}
	add := func(ip, who string) {
		if ip != "" && !slices.Contains(at[ip], who) {
			at[ip] = append(at[ip], who)
		}
	}
	for i := range a.in.Snapshot.Pods {
		p := &a.in.Snapshot.Pods[i]
		if ended(p) {
			continue
		}
		add(p.Status.HostIP, "node "+p.Spec.NodeName)
		for _, ip := range p.Status.HostIPs {
			add(ip.IP, "node "+p.Spec.NodeName)
		}
		if p.Spec.HostNetwork {
			continue
		}
		for _, ip := range podAddresses(p) {
			add(ip, "pod "+p.Namespace+"/"+p.Name)
		}
	}
	return at
}

func podAddresses(p *corev1.Pod) []string {
	out := []string{}
	if p.Status.PodIP != "" {
		out = append(out, p.Status.PodIP)
	}
	for _, ip := range p.Status.PodIPs {
		if !slices.Contains(out, ip.IP) {
			out = append(out, ip.IP)
		}
	}
	return out
}

func (a *auditor) sharedAddress(p *corev1.Pod, at map[string][]string) {
	if p.Spec.HostNetwork {
		a.strange(p, "it uses its node's network, which no policy of its portal holds")
		return
	}
	self := "pod " + p.Namespace + "/" + p.Name
	for _, ip := range podAddresses(p) {
		others := slices.DeleteFunc(slices.Clone(at[ip]), func(who string) bool { return who == self })
		if len(others) > 0 {
			slices.Sort(others)
			a.differ(KindStrangePod, "pod %s/%s: its status says address %s, which %s has as well, so traffic goes astray or policies hold the wrong one; see which of them the node runs, and delete the other", p.Namespace, p.Name, ip, strings.Join(others, ", "))
		}
	}
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}
