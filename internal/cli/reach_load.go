package cli

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
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// readParts reads only the namespaces of the two portals, for a user who may
// not read them all.
func (c *platformState) readParts(ctx context.Context, flags *genericclioptions.ConfigFlags, args []string) error {
	reader, err := newClient(flags)
	if err != nil {
		return err
	}
	missing := slices.Clone(c.unreadable)
	done := map[string]bool{}
	for _, arg := range args {
		where, _, ok := strings.Cut(arg, "/")
		if !ok {
			return exitError{exitFailed, fmt.Sprintf("you may not read every namespace, so name %q as agency/portal", arg)}
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
			if err := c.readPart(ctx, reader, kind, where); err != nil {
				return err
			}
		}
	}
	return c.index(ctx)
}

func (c *platformState) readPart(ctx context.Context, reader client.Reader, kind, namespace string) error {
	var err error
	in := client.InNamespace(namespace)
	switch kind {
	case "pods":
		var l corev1.PodList
		err = reader.List(ctx, &l, in)
		c.pods.Items = append(c.pods.Items, l.Items...)
	case "networkpolicies":
		var l networkingv1.NetworkPolicyList
		err = reader.List(ctx, &l, in)
		c.network.Items = append(c.network.Items, l.Items...)
	case kinds.AgencyPortal.Plural:
		var l v1alpha1.AgencyPortalList
		err = reader.List(ctx, &l, in)
		c.portals.Items = append(c.portals.Items, l.Items...)
	case kinds.DataSharingLink.Plural:
		var l v1alpha1.DataSharingLinkList
		if err = reader.List(ctx, &l, in); apierrors.IsForbidden(err) {
			err = nil
		}
		c.links.Items = append(c.links.Items, l.Items...)
	}
	if apierrors.IsForbidden(err) {
		return exitError{exitFailed, fmt.Sprintf("you may not read %s in %s, so the answer would be a guess: ask somebody who may, such as the platform team; kubectl gov status shows your own links", kind, namespace)}
	}
	return err
}

func loadCountry(ctx context.Context, streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags, paths []string, at installation, assume bool, now time.Time) (*platformState, error) {
	if len(paths) > 0 {
		s, err := readSettings("--settings", at.settings)
		if err != nil {
			return nil, err
		}
		return offlineCountry(ctx, streams, paths, s, assume, now)
	}
	if assume {
		return nil, exitError{exitFailed, "--assume-approved is for files (-f): the cluster's approvals are what they are"}
	}
	reader, err := newClient(flags)
	if err != nil {
		return nil, err
	}
	s, err := liveSettings(ctx, reader, at, streams.ErrOut)
	if err != nil {
		return nil, err
	}
	return readCountry(ctx, reader, s)
}

// offlineCountry is what the operator would make of local files, with a pod for
// every Deployment.
func offlineCountry(ctx context.Context, streams genericiooptions.IOStreams, paths []string, s settings.Settings, assume bool, now time.Time) (*platformState, error) {
	r, c, err := renderCountry(ctx, streams.In, RenderInput{Paths: paths, Settings: s, AssumeApproved: assume, Now: now})
	if err != nil {
		return nil, err
	}
	for _, refusal := range r.Refusals {
		say(streams.ErrOut, "refused: %s\n", refusal)
	}
	if c == nil {
		return nil, errRefused
	}
	return c, nil
}
