package view

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// readHelp is what helps when an object of a kind cannot be read.
type readHelp struct {
	resource string
	// absent is said when it is not there, forbidden when the user may not read it.
	absent, forbidden string
}

// readHelps by kind. Links are read by those whom they concern, agencies by
// everybody (docs/decisions/0609-who-reads-what.md).
var readHelps = map[string]readHelp{
	v1alpha1.KindAgency: {
		resource: kinds.Agency.Plural, absent: "kubectl gov status -A lists them",
		forbidden: "ask the platform team for the ClusterRole govplatform-catalogue-viewer",
	},
	v1alpha1.KindDataSharingLink: {
		resource: kinds.DataSharingLink.Plural, absent: "name the consumer's namespace with -n agency-<consumer>",
		forbidden: "who administers or views the consumer's, the provider's or the authority's agency may, from a moment after the request on, and so may the ClusterRoles govplatform-authority and govplatform-platform-team; ask the consumer whether the name is right",
	},
}

// ExplainRead says why an object could not be read, and what helps.
func ExplainRead(err error, kind, name string) error {
	help := readHelps[kind]
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no %s %s: %s", kind, name, help.absent)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read %s %s: %s", kind, name, help.forbidden)
	case meta.IsNoMatchError(err):
		return NotInstalled(help.resource)
	}
	return fmt.Errorf("read %s %s: %w", kind, name, err)
}

// NoAgency says that an agency that was named does not exist.
func NoAgency(name string) error {
	return fmt.Errorf("there is no agency %q: see the names with kubectl get agencies", name)
}

// NotInstalled says that the cluster has no definition of a kind, and what helps.
func NotInstalled(kind string) error {
	return fmt.Errorf("the cluster does not know %s: install govplatform first (kubectl apply -k config/crd, then config/default), or choose another cluster with --context", kind)
}
