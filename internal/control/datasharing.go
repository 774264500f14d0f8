package control

import "github.com/govplatform/govplatform/api/v1alpha1"

// Names of the controls by which a link closes.
const (
	AuthorityApproval = "dataSharing.requireAuthorityApprovalFor"
	DirectRoute       = "dataSharing.allowDirectRoute"
	MaxValidity       = "dataSharing.maxValidity"
	DatasetOwners     = "dataSharing.datasetOwners"
)

var dataSharing = []Control{
	sharing("dataSharing.requireMutualTLS", "mutual TLS on links", "one is enough", func(c *v1alpha1.DataSharingControl) bool { return c.RequireMutualTLS }),
	sharing(AuthorityApproval, "the authority's approval too of links with data of these classifications, and of stricter ones", "all together",
		func(c *v1alpha1.DataSharingControl) bool { return len(c.RequireAuthorityApprovalFor) > 0 }, Links),
	sharing(DirectRoute, "whether links with `route: Direct` may be", "a policy of each end says so and none denies it",
		func(c *v1alpha1.DataSharingControl) bool { return c.AllowDirectRoute != nil }, Links),
	sharing(MaxValidity, "the longest term of a link", "the smallest",
		func(c *v1alpha1.DataSharingControl) bool { return c.MaxValidity != nil }, Links),
	sharing(DatasetOwners, "whose a dataset is, see below", "two that contradict each other leave it without an owner",
		func(c *v1alpha1.DataSharingControl) bool { return len(c.DatasetOwners) > 0 }, Datasets),
}

func sharing(name, what, of string, demands func(*v1alpha1.DataSharingControl) bool, held ...Place) Control {
	return Control{Name: name, What: what, Of: of, Elsewhere: held,
		Demands: func(s *Spec) bool { return s.DataSharing != nil && demands(s.DataSharing) }}
}
