package read

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// AbsentAgencies returns those of the agencies that do not exist. One that cannot be
// decoded exists.
func AbsentAgencies(ctx context.Context, r client.Reader, all []policy.NamedAgencies) ([]policy.NamedAgencies, error) {
	var out []policy.NamedAgencies
	for _, n := range all {
		absent := policy.NamedAgencies{Field: n.Field}
		for _, name := range n.Agencies {
			a, err := Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: string(name)})
			if err != nil && !unreadable.IsUnreadable(err) {
				return nil, fmt.Errorf("read agency: %w", err)
			}
			if a == nil && err == nil {
				absent.Agencies = append(absent.Agencies, name)
			}
		}
		if len(absent.Agencies) > 0 {
			out = append(out, absent)
		}
	}
	return out, nil
}

// Policies lists the policies that can be read, and returns the first of those that
// can't which concerns who asks.
func Policies(ctx context.Context, r client.Reader, concerns func(*unreadable.Error) bool) (known []v1alpha1.SecurityPolicy, unread, err error) {
	var list v1alpha1.SecurityPolicyList
	var bad []*unreadable.Error
	if err := r.List(ctx, &list, unreadable.Collect(&bad), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list security policies: %w", err)
	}
	if i := slices.IndexFunc(bad, concerns); i >= 0 {
		unread = fmt.Errorf("list security policies: %w", bad[i])
	}
	return list.Items, unread, nil
}

// KnownPolicies is policies for those who decide nothing while one can't be read.
func KnownPolicies(ctx context.Context, r client.Reader, concerns func(*unreadable.Error) bool) ([]v1alpha1.SecurityPolicy, error) {
	all, unread, err := Policies(ctx, r, concerns)
	if err != nil {
		return nil, err
	}
	return all, unread
}
