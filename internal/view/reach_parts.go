package view

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
)

// Ask answers for two portals as a person names them. A namespace without its
// agency is where the name is looked for first. Port 0 is the port of the second.
func (c *State) Ask(ctx context.Context, namespace, a, b string, port int32, now time.Time) (ReachAnswer, error) {
	if len(c.unreadable) > 0 {
		if err := c.readParts(ctx, a, b); err != nil {
			return ReachAnswer{}, err
		}
	}
	from, err := c.portalKey(namespace, a)
	if err != nil {
		return ReachAnswer{}, err
	}
	to, err := c.portalKey(namespace, b)
	if err != nil {
		return ReachAnswer{}, err
	}
	return c.reach(ctx, from, to, port, now)
}

// readParts reads only the namespaces of the two portals, for a user who may
// not read them all.
func (c *State) readParts(ctx context.Context, portals ...string) error {
	missing := slices.Clone(c.unreadable)
	done := map[string]bool{}
	for _, arg := range portals {
		where, _, ok := strings.Cut(arg, "/")
		if !ok {
			return fmt.Errorf("you may not read every namespace, so name %q as agency/portal", arg)
		}
		if _, isNamespace := names.AgencyOf(where); !isNamespace {
			where = names.Namespace(where)
		}
		if done[where] {
			continue
		}
		done[where] = true
		c.namespaces.Items = append(c.namespaces.Items, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: where}})
		for _, kind := range missing {
			if err := c.readPart(ctx, kind, where); err != nil {
				return err
			}
		}
	}
	return c.index(ctx)
}

func (c *State) readPart(ctx context.Context, kind, namespace string) error {
	var err error
	in := client.InNamespace(namespace)
	switch kind {
	case "pods":
		var l corev1.PodList
		err = c.reader.List(ctx, &l, in)
		c.pods.Items = append(c.pods.Items, l.Items...)
	case "networkpolicies":
		var l networkingv1.NetworkPolicyList
		err = c.reader.List(ctx, &l, in)
		c.network.Items = append(c.network.Items, l.Items...)
	case kinds.AgencyPortal.Plural:
		var l v1alpha1.AgencyPortalList
		err = c.reader.List(ctx, &l, in)
		c.portals.Items = append(c.portals.Items, l.Items...)
	case kinds.DataSharingLink.Plural:
		var l v1alpha1.DataSharingLinkList
		if err = c.reader.List(ctx, &l, in); apierrors.IsForbidden(err) {
			err = nil
		}
		c.links.Items = append(c.links.Items, l.Items...)
	}
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("you may not read %s in %s, so the answer would be a guess: ask somebody who may, such as the platform team; kubectl gov status shows your own links", kind, namespace)
	}
	return err
}
