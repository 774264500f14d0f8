package portal

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// maxPorts is how many ports the schema lets a status list.
const maxPorts = 8

// servedPorts returns the ports on which the pods of a portal listen while the
// spec is rolled out, the oldest first: the spec's own, and those from before
// until the last pod that has one of them is gone. A rollout that can't proceed
// must not cut off what still serves.
func servedPorts(in Input, spec *v1alpha1.AgencyPortalSpec) []int32 {
	if rolledOut(in, spec.Port) {
		return []int32{spec.Port}
	}
	recorded := in.Portal.Status.Ports
	if len(recorded) == 0 && ownDeployment(in) {
		// What runs was written before ports were recorded.
		recorded = templatePorts(in.Deployment)
	}
	before := slices.DeleteFunc(slices.Clone(recorded), func(p int32) bool { return p == spec.Port })
	// Of too many the oldest stay, since their pods are those that became ready.
	return append(before[:min(len(before), maxPorts-1)], spec.Port)
}

// rolledOut reports whether every pod of the portal is observed to have the port.
func rolledOut(in Input, port int32) bool {
	if !ownDeployment(in) || !slices.Equal(templatePorts(in.Deployment), []int32{port}) {
		return false
	}
	return allPodsCurrent(in.Deployment)
}

// allPodsCurrent reports whether every pod of a Deployment is observed to be of its
// present template.
func allPodsCurrent(d *appsv1.Deployment) bool {
	st := d.Status
	wanted := d.Spec.Replicas == nil || *d.Spec.Replicas > 0
	going := st.TerminatingReplicas != nil && *st.TerminatingReplicas > 0
	return st.ObservedGeneration >= d.Generation && st.Replicas == st.UpdatedReplicas && (st.Replicas > 0 || !wanted) && !going
}

func ownDeployment(in Input) bool {
	return in.Deployment != nil && names.OwnerOf(v1alpha1.KindAgencyPortal, in.Portal).Owns(in.Deployment)
}

// templatePorts are the ports that the portal's own container declares.
func templatePorts(d *appsv1.Deployment) []int32 {
	var out []int32
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			if c.Name == containerName && p.Name == portName {
				out = append(out, p.ContainerPort)
			}
		}
	}
	return out
}
