package kindtest

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Noon is when the links of tests are decided about.
var Noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// EndObjects are an agency and a portal of it that complies.
func EndObjects(agency, portal string, port int32) (*v1alpha1.Agency, *v1alpha1.AgencyPortal) {
	return &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency}},
		&v1alpha1.AgencyPortal{
			ObjectMeta: metav1.ObjectMeta{Namespace: "agency-" + agency, Name: portal, UID: types.UID("uid-" + portal), Generation: 1},
			Spec: v1alpha1.AgencyPortalSpec{Port: port, DataClassification: v1alpha1.ClassificationInternal, Exposure: v1alpha1.ExposureInternal,
				Image: "registry.example.gov.vn/" + portal + ":v1"},
			Status: v1alpha1.AgencyPortalStatus{StatusBase: v1alpha1.StatusBase{ObservedGeneration: 1,
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue}}}},
		}
}

// LinkObjects are a direct link, the service that it asks for and a policy that
// permits it.
func LinkObjects() (*v1alpha1.DataSharingLink, *v1alpha1.DataService, []v1alpha1.SecurityPolicy) {
	link := &v1alpha1.DataSharingLink{
		ObjectMeta: metav1.ObjectMeta{Namespace: "agency-asker", Name: "wants", UID: "uid-wants", Generation: 1, CreationTimestamp: metav1.NewTime(Noon.Add(-time.Hour))},
		Spec: v1alpha1.DataSharingLinkSpec{
			Consumer: v1alpha1.LinkConsumer{PortalRef: v1alpha1.LocalReference{Name: "asks"}}, Provider: v1alpha1.LinkProvider{Agency: "giver", Service: "data"},
			Purpose: "p", LegalBasis: "l", Operations: []string{"read"}, ValidUntil: metav1.NewTime(Noon.Add(time.Hour)), Route: v1alpha1.RouteDirect, RequestedBy: "clerk@asker",
		},
	}
	service := &v1alpha1.DataService{
		ObjectMeta: metav1.ObjectMeta{Namespace: "agency-giver", Name: "data", UID: "uid-data"},
		Spec: v1alpha1.DataServiceSpec{PortalRef: v1alpha1.LocalReference{Name: "serves"}, Dataset: "d", Classification: v1alpha1.ClassificationInternal, Port: 8443,
			Operations: []v1alpha1.Operation{{Name: "read", Method: "GET", Path: "/r"}, {Name: "list", Method: "GET", Path: "/l"}}},
		Status: v1alpha1.DataServiceStatus{StatusBase: v1alpha1.StatusBase{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionDatasetOwned, Status: metav1.ConditionTrue}}}},
	}
	return link, service, []v1alpha1.SecurityPolicy{{Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, DataSharing: &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}}}}
}

// ApprovalOf is a decision about a scope.
func ApprovalOf(namespace, name, hash string, d v1alpha1.Decision) v1alpha1.DataSharingApproval {
	return v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.DataSharingApprovalSpec{Decision: d, SpecHash: hash, Reason: "r", Approver: "officer@" + namespace}}
}
