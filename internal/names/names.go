// Package names makes the names, labels and marks of everything that the
// operator writes. All of it is deterministic.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// FieldOwner is the field manager of every write.
const FieldOwner = "govplatform"

// Labels and marks on what the operator writes. Tenants can write none of them:
// they have no rights on these objects.
const (
	// LabelManagedBy is on everything that the operator writes; caches select by it.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "govplatform"
	// LabelPartOf groups the objects of one agency for people.
	LabelPartOf = "app.kubernetes.io/part-of"
	// LabelName is the portal's name for people.
	LabelName = "app.kubernetes.io/name"

	// LabelAgency is the name of the agency, on its namespace and everything in it.
	LabelAgency = "platform.gov.vn/agency"
	// LabelPortal is the name of the portal, on its objects and pods.
	LabelPortal = "platform.gov.vn/portal"
	// LabelOwnerKind is the kind of the owner.
	LabelOwnerKind = "platform.gov.vn/owner-kind"
	// LabelOwnerName is the name of the owner.
	LabelOwnerName = "platform.gov.vn/owner-name"
	// LabelOwnerNamespace is the namespace of the owner; absent for cluster-scoped ones.
	LabelOwnerNamespace = "platform.gov.vn/owner-namespace"
	// LabelOwnerUID is the UID of the owner, the mark of ownership.
	LabelOwnerUID = "platform.gov.vn/owner-uid"
	// LabelSecurityLevel is the computed level, on pods.
	LabelSecurityLevel = "platform.gov.vn/security-level"
	// LabelExposure is the exposure, on pods.
	LabelExposure = "platform.gov.vn/exposure"
	// LabelNodePool is the node label and taint key of node pools.
	LabelNodePool = "platform.gov.vn/node-pool"

	// AnnotationRestart on a pod template holds the portal's spec.restart.
	AnnotationRestart = "platform.gov.vn/restart"
	// AnnotationLogRetention is how many months a pod's logs are kept.
	AnnotationLogRetention = "platform.gov.vn/log-retention-months"
	// AnnotationAutoscaled is on a Deployment whose pods above the stated number
	// are the autoscaler's.
	AnnotationAutoscaled = "platform.gov.vn/autoscaled"
	// AnnotationDisplayName is the name for people.
	AnnotationDisplayName = "platform.gov.vn/display-name"

	// AnnotationPersonalData is on an agency's namespace since personal data was
	// first seen there. It goes with the namespace.
	AnnotationPersonalData = "platform.gov.vn/personal-data"

	// GuardFinalizer holds a network policy that denies until the pods that it
	// holds are gone, whoever deletes it and in whatever order.
	GuardFinalizer = "platform.gov.vn/outlives-workload"
	// AgencyFinalizer lets an agency be removed in the safe order.
	AgencyFinalizer = "platform.gov.vn/offboarding"

	// FlowFinalizer lets what a portal or link has in other namespaces be
	// removed with it.
	FlowFinalizer = "platform.gov.vn/flows"

	// prefix of the operator's own labels, annotations and finalizers.
	prefix = "platform.gov.vn/"

	// LabelQuotaCanary marks a quota that shows which kinds Kubernetes counts.
	LabelQuotaCanary = "platform.gov.vn/quota-canary"

	// Domain is the prefix of the platform's labels and annotations.
	Domain = "platform.gov.vn/"
)

// Names of shipped ClusterRoles that agency groups are bound to.
const (
	ClusterRoleAgencyAdmin  = "govplatform-agency-admin"
	ClusterRoleAgencyViewer = "govplatform-agency-viewer"
)

// NodePeersPolicy is the name of the admission policy that the operator makes of its
// settings; nothing that is installed with it has that name, and no SecurityPolicy's.
const NodePeersPolicy = "govplatform-node-peers"

const namespacePrefix = "agency-"

// maxName is the longest name that is also a label value and a DNS label.
const maxName = 63

// Namespace returns the namespace of an agency.
func Namespace(agency string) string { return namespacePrefix + agency }

// AgencyOf returns the agency whose namespace this would be; ok is false for
// namespaces that can't belong to an agency.
func AgencyOf(namespace string) (agency string, ok bool) {
	agency, ok = strings.CutPrefix(namespace, namespacePrefix)
	return agency, ok && agency != ""
}

// Child returns "<name>-<suffix>" when that fits into 63 characters. Longer
// names are cut and get a hash of the whole, so that names that differ only
// beyond the cut stay different.
func Child(name, suffix string) string {
	full := name + "-" + suffix
	if len(full) <= maxName {
		return full
	}
	sum := sha256.Sum256([]byte(name + "/" + suffix))
	hash := hex.EncodeToString(sum[:])[:10]
	keep := maxName - len(hash) - len(suffix) - 2
	return strings.TrimRight(name[:keep], "-") + "-" + hash + "-" + suffix
}

// Link returns the stem of the names of a link's policies. They stand in the
// namespaces of both ends, so the link's own namespace enters as a hash.
func Link(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	return Child("link-"+name, hex.EncodeToString(sum[:])[:10])
}

// Platform returns the stem of the names of the policies between a portal and a
// shared platform; like Link's, they stand on both sides.
func Platform(namespace, portal, platform string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + portal + "/" + platform))
	return Child("platform-"+platform, hex.EncodeToString(sum[:])[:10])
}

// AdmissionPolicy returns the name of the admission policy of a SecurityPolicy.
func AdmissionPolicy(policy string) string { return "govplatform-policy-" + policy }

// Owner identifies what an object is written for.
type Owner struct {
	Kind      string
	Namespace string
	Name      string
	UID       types.UID
}

// OwnerOf returns the owner mark for an object of the API.
func OwnerOf(kind string, o metav1.Object) Owner {
	return Owner{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID()}
}

// Labels returns the labels of an object that is written for the owner.
func (o Owner) Labels() map[string]string {
	l := map[string]string{
		LabelManagedBy: ManagedBy,
		LabelOwnerKind: o.Kind,
		LabelOwnerName: o.Name,
		LabelOwnerUID:  string(o.UID),
	}
	if o.Namespace != "" {
		l[LabelOwnerNamespace] = o.Namespace
	}
	return l
}

// IndexOwner is by what everything that the operator writes is counted in the caches, by
// what its labels say about its owner, and a field index of network policies.
const IndexOwner = "owner"

// Key identifies everything that has had the owner's kind, namespace and name.
func (o Owner) Key() string { return o.Kind + "/" + o.Namespace + "/" + o.Name }

// OwnerKeys returns the key of the owner that an object's labels name, for
// IndexOwner; none when they name none.
func OwnerKeys(o metav1.Object) []string {
	l := o.GetLabels()
	if l[LabelOwnerKind] == "" {
		return nil
	}
	return []string{Owner{Kind: l[LabelOwnerKind], Namespace: l[LabelOwnerNamespace], Name: l[LabelOwnerName]}.Key()}
}

// MarkedOwner returns the owner that an object's labels name; ok is false when
// they do not say that the operator made it.
func MarkedOwner(o metav1.Object) (owner Owner, ok bool) {
	l := o.GetLabels()
	owner = Owner{Kind: l[LabelOwnerKind], Namespace: l[LabelOwnerNamespace], Name: l[LabelOwnerName], UID: types.UID(l[LabelOwnerUID])}
	return owner, l[LabelManagedBy] == ManagedBy && owner.UID != ""
}

// Reference returns the owner reference for objects in the owner's own scope.
func (o Owner) Reference() metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion:         v1alpha1.GroupVersion.String(),
		Kind:               o.Kind,
		Name:               o.Name,
		UID:                o.UID,
		Controller:         &yes,
		BlockOwnerDeletion: &yes,
	}
}

// Collects reports whether the garbage collector is sure to remove an object when
// its owner is gone: the owner is all that its references name, and nobody else
// holds it by a finalizer. A reference to anything else, such as a ConfigMap,
// would keep it for as long as whoever wrote that reference likes.
func (o Owner) Collects(obj metav1.Object) bool {
	refs := obj.GetOwnerReferences()
	held := slices.ContainsFunc(obj.GetFinalizers(), func(f string) bool { return f != GuardFinalizer })
	if o.UID == "" || len(refs) != 1 || held {
		return false
	}
	r := refs[0]
	return r.APIVersion == v1alpha1.GroupVersion.String() && r.Kind == o.Kind && r.Name == o.Name && r.UID == o.UID
}

// Owns tells whether an object carries the mark of the owner: its UID in the
// label that admission lets only the operator write. A name proves nothing, nor
// does an owner reference, which anybody can write who may patch the object.
func (o Owner) Owns(obj metav1.Object) bool {
	return o.UID != "" && obj.GetLabels()[LabelOwnerUID] == string(o.UID)
}

// OurFinalizer reports whether a finalizer is one of the operator's.
func OurFinalizer(name string) bool { return strings.HasPrefix(name, prefix) }
