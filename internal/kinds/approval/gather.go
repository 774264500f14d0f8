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
func Gather(ctx context.Context, r client.Reader, s settings.Settings, a *v1alpha1.DataSharingApproval) (*v1alpha1.DataSharingLink, v1alpha1.LinkSide, error) {
	ref := a.Spec.LinkRef
	link, err := read.Get[v1alpha1.DataSharingLink](ctx, r, client.ObjectKey{Namespace: string(ref.Namespace), Name: string(ref.Name)})
	if err != nil {
		return nil, "", fmt.Errorf("read link: %w", err)
	}
	return link, linkkind.ApprovalSide(a, link, s), nil
}
