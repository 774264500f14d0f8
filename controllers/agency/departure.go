package agency

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// content is a kind whose objects keep an agency.
type content struct {
	kinds.Descriptor
	count func(*v1alpha1.AgencyContents) *int32
}

// contents has every kind that stands in agencies' namespaces.
var contents = []content{
	{kinds.AgencyPortal, func(c *v1alpha1.AgencyContents) *int32 { return &c.Portals }},
	{kinds.DataService, func(c *v1alpha1.AgencyContents) *int32 { return &c.DataServices }},
	{kinds.DataSharingLink, func(c *v1alpha1.AgencyContents) *int32 { return &c.Links }},
	{kinds.DataSharingApproval, func(c *v1alpha1.AgencyContents) *int32 { return &c.Approvals }},
}

// departure reads from the API server itself, and from no cache, what decides
// whether an agency that is being deleted goes: a cache that is late, or that
// lost a kind with its CustomResourceDefinition, shows an empty agency.
func (r *Reconciler) departure(ctx context.Context, a *v1alpha1.Agency) (agency.DepartureInput, error) {
	var in agency.DepartureInput
	var live v1alpha1.Agency
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(a), &live); err != nil {
		return in, fmt.Errorf("read the agency: %w", err)
	}
	if live.UID != a.UID {
		return in, fmt.Errorf("read the agency: %w", apierrors.NewConflict(schema.GroupResource{Resource: kinds.Agency.Plural}, a.Name, fmt.Errorf("it is another one by now")))
	}
	in.Agency, in.Authority = &live, live.Name == r.Settings.AuthorityAgency
	var err error
	if in.Namespace, err = r.ownNamespace(ctx, a); err != nil {
		return in, err
	}
	for _, c := range contents {
		n, why := r.countOf(ctx, c, &live)
		if why != "" {
			in.Unknown = append(in.Unknown, why)
		}
		*c.count(&in.Contents) = n
	}
	if why := r.definition(ctx, kinds.Agency.Plural, &live); why != "" {
		in.Unknown = append(in.Unknown, why)
	}
	if n, why := r.earlierVetoes(ctx, &live); why != "" {
		in.Unknown = append(in.Unknown, why)
	} else if !in.Authority {
		in.EarlierVetoes = n
	}
	in.Contents.Children, err = r.children(ctx, a.Name)
	return in, err
}

// earlierVetoes counts what an agency stopped as the authority that it was; why is not
// empty when that can't be known. A decision that has no side yet may stand on the
// record of its link.
func (r *Reconciler) earlierVetoes(ctx context.Context, a *v1alpha1.Agency) (n int32, why string) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kinds.DataSharingApproval.ListGVK())
	if err := r.Live.List(ctx, list, client.InNamespace(names.Namespace(a.Name))); err != nil {
		return 0, fmt.Sprintf("the API server does not list datasharingapprovals (%s)", reasonOf(err))
	}
	for i := range list.Items {
		v := vetoOf(&list.Items[i])
		var link v1alpha1.DataSharingLink
		if object.Closing(v) && v.Status.Side == "" && v.Spec.LinkRef.Name != "" {
			key := client.ObjectKey{Namespace: string(v.Spec.LinkRef.Namespace), Name: string(v.Spec.LinkRef.Name)}
			if err := r.Live.Get(ctx, key, &link); client.IgnoreNotFound(err) != nil {
				return 0, fmt.Sprintf("DataSharingLink %s can't be read (%s)", key, reasonOf(err))
			}
		}
		if linkkind.EarlierVeto(v, link.Status.Decisions) {
			n++
		}
	}
	return n, ""
}

// vetoOf reads what decides whether a decision is a veto of the authority. One that
// can't be decoded counts as a suspension.
func vetoOf(u *unstructured.Unstructured) *v1alpha1.DataSharingApproval {
	v := &v1alpha1.DataSharingApproval{}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, v) == nil {
		return v
	}
	side, _, _ := unstructured.NestedString(u.Object, "status", "side")
	v = &v1alpha1.DataSharingApproval{}
	v.Spec.Decision, v.Status.Side = v1alpha1.DecisionSuspend, v1alpha1.LinkSide(side)
	return v
}

// children counts the agencies below another one, also those of which nothing but
// that can be read.
func (r *Reconciler) children(ctx context.Context, name string) (n int32, err error) {
	agencies := &unstructured.UnstructuredList{}
	agencies.SetGroupVersionKind(kinds.Agency.ListGVK())
	if err := r.Live.List(ctx, agencies); err != nil {
		return 0, fmt.Errorf("list agencies: %w", err)
	}
	for i := range agencies.Items {
		parent, _, err := unstructured.NestedString(agencies.Items[i].Object, "spec", "parentRef", "name")
		if err != nil || parent == name {
			n++
		}
	}
	return n, nil
}

// countOf counts the objects of a kind in an agency's namespace; why is not
// empty when that can't be known.
func (r *Reconciler) countOf(ctx context.Context, c content, a *v1alpha1.Agency) (n int32, why string) {
	if why := r.definition(ctx, c.Plural, a); why != "" {
		return 0, why
	}
	list := metadataList(c.Descriptor)
	if err := r.Live.List(ctx, list, client.InNamespace(names.Namespace(a.Name))); err != nil {
		return 0, fmt.Sprintf("the API server does not list %s (%s)", c.Plural, reasonOf(err))
	}
	return int32(min(len(list.Items), 1<<30)), "" //nolint:gosec // bounded
}

// definition returns why a kind's list does not tell what an agency has: objects
// vanish with their CustomResourceDefinition, whoever wanted to keep them. The API
// server stores whole seconds, so a definition of the very second of the deletion
// may be the later one of two, and counts as newer.
func (r *Reconciler) definition(ctx context.Context, plural string, a *v1alpha1.Agency) string {
	name := plural + "." + v1alpha1.GroupVersion.Group
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := r.Live.Get(ctx, client.ObjectKey{Name: name}, crd)
	switch {
	case err != nil:
		return fmt.Sprintf("CustomResourceDefinition %s can't be read (%s)", name, reasonOf(err))
	case crd.DeletionTimestamp != nil:
		return fmt.Sprintf("CustomResourceDefinition %s is being deleted, and its objects with it", name)
	case a.DeletionTimestamp != nil && !crd.CreationTimestamp.Time.Before(a.DeletionTimestamp.Time):
		return fmt.Sprintf("CustomResourceDefinition %s is newer than the deletion, so what there was may have gone with an earlier one", name)
	default:
		return ""
	}
}

// reasonOf words a failed read without what changes from one to the next.
func reasonOf(err error) string {
	if meta.IsNoMatchError(err) {
		return string(metav1.StatusReasonNotFound)
	}
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	return "no answer"
}

func metadataList(d kinds.Descriptor) *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(d.ListGVK())
	return list
}
