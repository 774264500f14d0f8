package view

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// ReadSummary reads the state of one namespace, or of all when namespace is
// empty. Kinds that the user may not read are named in the summary: an agency's
// team can read its own namespace and not the whole country.
func ReadSummary(ctx context.Context, reader client.Reader, namespace string) (Summary, error) {
	var s Summary
	var agencies v1alpha1.AgencyList
	var portals v1alpha1.AgencyPortalList
	var policies v1alpha1.SecurityPolicyList
	var platforms v1alpha1.SharedPlatformList
	var services v1alpha1.DataServiceList
	var links v1alpha1.DataSharingLinkList
	reads := []struct {
		kind    string
		list    client.ObjectList
		options []client.ListOption
	}{
		{kinds.Agency.Plural, &agencies, nil},
		{kinds.AgencyPortal.Plural, &portals, []client.ListOption{client.InNamespace(namespace)}},
		{kinds.SecurityPolicy.Plural, &policies, nil},
		{kinds.SharedPlatform.Plural, &platforms, nil},
		{kinds.DataService.Plural, &services, []client.ListOption{client.InNamespace(namespace)}},
		{kinds.DataSharingLink.Plural, &links, nil},
	}
	for _, r := range reads {
		err := reader.List(ctx, r.list, r.options...)
		switch {
		case apierrors.IsForbidden(err):
			if r.kind == kinds.DataSharingLink.Plural && namespace != "" {
				if links.Items, err = linksOf(ctx, reader, namespace, services.Items); err == nil {
					continue
				}
			}
			s.NotReadable = append(s.NotReadable, r.kind)
		case meta.IsNoMatchError(err):
			return Summary{}, NotInstalled(r.kind)
		case err != nil:
			return Summary{}, fmt.Errorf("list %s: %w", r.kind, err)
		}
		_ = meta.EachListItem(r.list, s.unobserved.look)
	}
	if len(s.NotReadable) == len(reads) {
		return Summary{}, fmt.Errorf("you may read neither agencies nor portals nor policies here: name your agency's namespace with -n agency-<name>, or ask for membership in its viewerGroups")
	}
	s.fill(namespace, agencies.Items, portals.Items, policies.Items)
	s.fillSharing(namespace, platforms.Items, services.Items, links.Items)
	return s, nil
}

// linksOf reads the links of one agency for its own people: those in its
// namespace, and one by one those of others that ask for its services, each of
// which they may read.
func linksOf(ctx context.Context, reader client.Reader, namespace string, services []v1alpha1.DataService) ([]v1alpha1.DataSharingLink, error) {
	var own v1alpha1.DataSharingLinkList
	if err := reader.List(ctx, &own, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	out := own.Items
	for i := range services {
		for _, asks := range services[i].Status.Links {
			key := client.ObjectKey{}
			if key.Namespace, key.Name, _ = strings.Cut(asks, "/"); key.Namespace == namespace {
				continue
			}
			var l v1alpha1.DataSharingLink
			if err := reader.Get(ctx, key, &l); err == nil {
				out = append(out, l)
			} else if !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
				return nil, err
			}
		}
	}
	return out, nil
}
