package approval

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
)

// Gather reads the link that an approval names, and the side for which the
// approval speaks.
func Gather(ctx context.Context, r client.Reader, s settings.Settings, a *v1alpha1.DataSharingApproval) (Input, error) {
	in := Input{Settings: s, Approval: a}
	ref := a.Spec.LinkRef
	var err error
	if in.Link, err = read.Get[v1alpha1.DataSharingLink](ctx, r, client.ObjectKey{Namespace: string(ref.Namespace), Name: string(ref.Name)}); err != nil {
		return in, fmt.Errorf("read link: %w", err)
	}
	in.Side = linkkind.ApprovalSide(a, in.Link, s)
	return in, nil
}
