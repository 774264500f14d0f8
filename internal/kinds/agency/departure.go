package agency

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// Offboards reports whether an agency is really being removed. One that is
// merely asked to go, and whose policy does not permit it, lives on: nothing of
// it is closed.
func Offboards(a *v1alpha1.Agency) bool {
	return a.DeletionTimestamp != nil && meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionOffboarding)
}

// DepartureInput is what decides whether an agency that is being deleted goes,
// as the API server, and no cache, has it.
type DepartureInput struct {
	Agency *v1alpha1.Agency
	// Namespace of the agency; nil when there is none of its own.
	Namespace *corev1.Namespace
	Contents  v1alpha1.AgencyContents
	// Authority is true for the agency of the coordinating authority.
	Authority bool
	// EarlierVetoes counts what the agency stopped as the authority that it was.
	EarlierVetoes int32
	// Unknown is why the contents are not known; empty when they are.
	Unknown []string
}

// Departure returns why an agency must not be removed; nil when it may be. What
// is not known counts as being there.
func Departure(in DepartureInput) *object.Blocker {
	a := in.Agency
	if in.Namespace == nil && (a.Status.Namespace == "" || Offboards(a)) {
		// It never had one, or it has been removed: there is nothing to lose.
		return nil
	}
	refused := func(why, remedy string) *object.Blocker {
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDeletionRefused,
			Message: fmt.Sprintf("Deletion is refused, because %s; nothing of the agency is closed or removed. %s %s", why, remedy, wayBack(in))}
	}
	if len(in.Unknown) > 0 {
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonContentUnknown,
			Message: fmt.Sprintf("Deletion waits, and nothing is removed, because what the agency has is not known: %s. %s", strings.Join(in.Unknown, "; "), wayBack(in))}
	}
	c := in.Contents
	switch {
	case in.Authority && c.Approvals > 0:
		return refused("it is the coordinating authority's and "+has(v1alpha1.AgencyContents{Approvals: c.Approvals})+", and what they suspend or reject would open again",
			"Whoever decided deletes the decisions first: kubectl -n "+names.Namespace(a.Name)+" get datasharingapprovals lists them.")
	case in.EarlierVetoes > 0:
		return refused(fmt.Sprintf("it was the coordinating authority's, and what it suspended or rejected as that (%d) would open again", in.EarlierVetoes), "Whoever decided deletes those decisions first: kubectl -n "+names.Namespace(a.Name)+" get datasharingapprovals lists them.")
	case a.Spec.DeletionPolicy == v1alpha1.DeletionDeletePortals && c.Children > 0:
		return refused(has(v1alpha1.AgencyContents{Children: c.Children}), "Delete the child agencies first, or give them another parent.")
	case a.Spec.DeletionPolicy == v1alpha1.DeletionDeletePortals:
		return nil
	case a.Spec.DeletionPolicy != v1alpha1.DeletionDeleteEmpty:
		return refused("spec.deletionPolicy is Refuse", "To let it go, set spec.deletionPolicy to DeleteEmpty or DeletePortals.")
	case c != v1alpha1.AgencyContents{}:
		return refused("spec.deletionPolicy is DeleteEmpty and "+has(c), "To let it go, delete them first.")
	}
	return nil
}

// has words what an agency still has.
func has(c v1alpha1.AgencyContents) string {
	var parts []string
	for _, p := range []struct {
		n    int32
		what string
	}{{c.Portals, "portals"}, {c.DataServices, "data services"}, {c.Links, "links"}, {c.Approvals, "decisions about links"}, {c.Children, "child agencies"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s (%d)", p.what, p.n))
		}
	}
	return "there are " + strings.Join(parts, ", ")
}

// wayBack says how an agency is kept whose deletion can't be unsaid: Kubernetes
// does not take a deletion back, so a new Agency takes over what there is.
func wayBack(in DepartureInput) string {
	if in.Namespace == nil {
		return ""
	}
	return fmt.Sprintf(`To keep it: set spec.deletionPolicy to Refuse, kubectl patch agency %s --type=merge -p '{"metadata":{"finalizers":null}}', and apply the Agency again with spec.adoptNamespace: %s.`, in.Agency.Name, in.Namespace.UID)
}

// Adoptable returns why a namespace can't be taken over by an agency; empty
// when it can: the operator made it for an Agency of the same name, which has
// another UID and so is gone, and the agency names exactly this namespace.
func Adoptable(a *v1alpha1.Agency, ns *corev1.Namespace) string {
	marked, ok := names.MarkedOwner(ns)
	switch {
	case !ok || ns.Labels[names.LabelAgency] != a.Name || marked.Kind != v1alpha1.KindAgency || marked.Name != a.Name:
		return fmt.Sprintf("Namespace %s was not made by the operator for an Agency %q; it is left alone. Remove or rename it.", ns.Name, a.Name)
	case ns.DeletionTimestamp != nil:
		return fmt.Sprintf("Namespace %s is being deleted; it is made again when it is gone.", ns.Name)
	case a.Spec.AdoptNamespace != string(ns.UID):
		return fmt.Sprintf(`Namespace %s is that of an earlier Agency %q, and is left alone with all that is in it. To take it over: kubectl patch agency %s --type=merge -p '{"spec":{"adoptNamespace":"%s"}}'.`, ns.Name, a.Name, a.Name, ns.UID)
	default:
		return ""
	}
}

// Orphaned reports whether a namespace is one that the operator made for an
// earlier Agency of the name.
func Orphaned(a *v1alpha1.Agency, ns *corev1.Namespace) bool {
	if ns == nil {
		return false
	}
	marked, ok := names.MarkedOwner(ns)
	return ok && marked.Kind == v1alpha1.KindAgency && marked.Name == a.Name && marked.UID != a.UID && ns.Labels[names.LabelAgency] == a.Name
}
