package agency

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// Input is everything that decides about an agency.
type Input struct {
	Settings settings.Settings
	// OperatorNamespace is where the operator itself runs; empty for nowhere.
	OperatorNamespace string
	Agency            *v1alpha1.Agency
	// Parent is the agency that parentRef names; nil when it doesn't exist.
	Parent *v1alpha1.Agency
	// CodeHolder is the older agency that holds the same code; empty for none.
	CodeHolder string
	// Namespace named agency-<name>, as the cache shows it; nil when there is none
	// that the operator made.
	Namespace *corev1.Namespace
	// ZonesTaken are the agency's zones that an older agency has too, ZonesNear the
	// zones of others that are, or lie above or below, the agency's.
	ZonesTaken, ZonesNear []Zone
	// Contents counts what the agency has, and Catalogue is what of its services
	// everybody may see.
	Contents  v1alpha1.AgencyContents
	Catalogue []v1alpha1.CatalogueEntry
	// EarlierVetoes counts what the agency stopped as the authority that it was and is
	// no more.
	EarlierVetoes int32
	// Portals are the names of the portals in the agency's namespace, sorted.
	Portals []string
	// ForeignPolicies are the names of the network policies in the namespace that
	// the operator did not write and that open something, sorted.
	ForeignPolicies []string
	// Counts reports whether Kubernetes counts the kinds that people write, so
	// that a quota on them refuses only what is too much.
	Counts bool
	// Quota is the namespace's quota as it is; nil when there is none.
	Quota *corev1.ResourceQuota
	// Administered reports whether the agency's AdminBinding stands.
	Administered bool
	// Bindings are the agency's RoleBindings as observed, which say who has rights
	// while the status doesn't.
	Bindings []rbacv1.RoleBinding
	// PersonalData names one thing that shows that the agency holds personal data
	// or stricter; empty when nothing does. Of a new agency it names what an earlier
	// one of the name had a part in.
	PersonalData string
	// HeldPersonalData is true when personal data was ever seen in the agency's
	// namespace, or in a link of which it was an end.
	HeldPersonalData bool
	// HoldRights is true when it is not known whether the agency holds personal
	// data: nobody gets rights in this round.
	HoldRights bool
	// DeletionRefused is why an agency that is being deleted stays; nil for none.
	DeletionRefused *object.Blocker
	// Unread is why nothing can be decided about a new agency; nil when it can.
	Unread error
	// Now is when the round began.
	Now metav1.Time
}

// uncounted reports whether the namespace waits for Kubernetes to count what its
// quota bounds; until then the quota bounds no numbers of objects.
func (in Input) uncounted() bool {
	return in.Counts && (in.Quota == nil || !Counted(in.Quota))
}

// adminsWait reports whether nobody may write in the namespace yet, because
// nothing bounds how many objects. A binding that stands goes on: who works is not
// shut out when a count is lost.
func (in Input) adminsWait() bool { return in.uncounted() && !in.Administered }

// Output is what should exist for an agency.
type Output struct {
	// Objects in no particular order; empty while a blocker stands and the
	// agency has no namespace yet.
	Objects []object.Object
	// Parent is the finding about the parent; nil when it is resolved.
	Parent *object.Blocker
	// Zones is the finding about zones that an older agency has; nil without any.
	Zones *object.Blocker
	// Code is the finding about a code that is taken; nil when it is free.
	Code *object.Blocker
	// Rights are who shall have rights in the namespace, and what that changes.
	Rights Rights
	// Recording is true when the namespace is made as soon as it is on record who
	// has rights in it.
	Recording bool
}

// Decide builds the namespace of an agency with its guards. An agency that was
// admitted once keeps its guards even when its parent disappears; a new one
// waits.
func Decide(in Input) Output {
	out := Output{Parent: parentFinding(in), Code: codeFinding(in), Zones: zonesFinding(in), Rights: decideRights(in)}
	admitted := in.Agency.Status.Namespace != ""
	if (out.Parent != nil || out.Code != nil) && !admitted {
		return out
	}
	a := in.Agency
	s := object.Scope{Owner: names.OwnerOf(v1alpha1.KindAgency, a), Agency: a.Name}
	out.Objects = append(out.Objects, Namespace(s, in))
	s.Namespace = names.Namespace(a.Name)
	out.Objects = append(out.Objects,
		flow.DenyAll(s, DefaultDeny, nil),
		resourceQuota(s, a, in.Settings.AuthorityAgency, in.Counts),
		limitRange(s),
	)
	r := out.Rights.InForce
	if b := roleBinding(s, AdminBinding, names.ClusterRoleAgencyAdmin, r.AdminGroups, r.AdminServiceAccounts...); b != nil && !in.adminsWait() {
		out.Objects = append(out.Objects, b)
	}
	if b := roleBinding(s, viewerBinding, names.ClusterRoleAgencyViewer, r.ViewerGroups); b != nil {
		out.Objects = append(out.Objects, b)
	}
	return out
}

func parentFinding(in Input) *object.Blocker {
	ref := in.Agency.Spec.ParentRef
	if ref == nil {
		return nil
	}
	if in.Parent == nil {
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonParentNotFound,
			Message: fmt.Sprintf("spec.parentRef.name: Agency %q does not exist; create it or correct the name.", ref.Name)}
	}
	if code := in.Parent.Spec.Code; len(in.Agency.Spec.Code) <= len(code) || in.Agency.Spec.Code[:len(code)+1] != code+"." {
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonParentCodeMismatch,
			Message: fmt.Sprintf("spec.code: %q does not begin with %q, the code of parent %q followed by a dot; correct spec.parentRef or create the Agency with the right code.", in.Agency.Spec.Code, code+".", ref.Name)}
	}
	return nil
}

func codeFinding(in Input) *object.Blocker {
	if in.CodeHolder == "" {
		return nil
	}
	return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonCodeTaken,
		Message: fmt.Sprintf("spec.code: %q is held by Agency %q, which is older; use the agency's own code.", in.Agency.Spec.Code, in.CodeHolder)}
}
