package portal

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// OpenPlatform names a shared platform that a portal agreed to be and that
// agencies other than its own reach without a link; empty for none.
func OpenPlatform(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (string, error) {
	if p == nil {
		return "", nil
	}
	var list v1alpha1.SharedPlatformList
	if err := r.List(ctx, &list, client.MatchingFields{names.IndexPlatformPortal: p.Namespace + "/" + p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list platforms of the portal: %w", err)
	}
	var open []string
	for i := range list.Items {
		if s := &list.Items[i]; OpenToOthers(p, s) {
			open = append(open, s.Name)
		}
	}
	slices.Sort(open)
	if len(open) == 0 {
		return "", nil
	}
	return open[0], nil
}

// Reference reads a platform's endpoint and whether it is a duplicate.
func Reference(ctx context.Context, r client.Reader, p *v1alpha1.SharedPlatform) (ReferencedPlatform, error) {
	ref := ReferencedPlatform{Name: p.Name, Platform: p}
	var same v1alpha1.SharedPlatformList
	if err := r.List(ctx, &same, client.MatchingFields{names.IndexPlatformFingerprint: object.Fingerprint(p.Spec.Capability, p.Spec.Scope)}, client.UnsafeDisableDeepCopy); err != nil {
		return ref, fmt.Errorf("list platforms with the same capability: %w", err)
	}
	if first := read.Oldest(p, read.Ptrs(same.Items)); first != p {
		ref.DuplicateOf = first.Name
	}
	var err error
	if e := p.Spec.Endpoint.Portal; e != nil {
		ref.Endpoint, err = GatherEnd(ctx, r, names.Namespace(string(e.Agency)), string(e.Name))
	}
	return ref, err
}

// Platforms reads the platforms that a portal references; see PlatformNames.
func Platforms(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (map[string]ReferencedPlatform, error) {
	wanted := PlatformNames(p)
	if len(wanted) == 0 {
		return nil, nil
	}
	out := map[string]ReferencedPlatform{}
	for _, name := range wanted {
		platform, err := read.Get[v1alpha1.SharedPlatform](ctx, r, client.ObjectKey{Name: name})
		if err != nil && !unreadable.IsUnreadable(err) {
			return nil, fmt.Errorf("read shared platform: %w", err)
		}
		if err != nil {
			// One that cannot be decoded is none: the way to it closes, and others go on.
			out[name] = ReferencedPlatform{Name: name, Unreadable: true}
			continue
		}
		if platform == nil {
			continue
		}
		if out[platform.Name], err = Reference(ctx, r, platform); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// provided reads the UIDs of the platforms that a portal agrees to be.
func provided(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (map[v1alpha1.ObjectName]types.UID, error) {
	out := map[v1alpha1.ObjectName]types.UID{}
	for _, name := range p.Spec.ProvidesPlatforms {
		platform, err := read.Get[v1alpha1.SharedPlatform](ctx, r, client.ObjectKey{Name: string(name)})
		if err != nil && !unreadable.IsUnreadable(err) {
			return nil, fmt.Errorf("read provided platform: %w", err)
		}
		if platform != nil && err == nil {
			out[name] = platform.UID
		}
	}
	return out, nil
}
