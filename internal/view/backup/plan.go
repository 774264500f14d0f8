package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
)

// AnnotationRestoredFrom is on a decision that kubectl gov restore wrote. It says
// who decided what in the cluster of the export.
const AnnotationRestoredFrom = "platform.gov.vn/restored-from"

// Phase is a step of a restore. What closes goes first, and a step that closes
// must be complete before the next one begins.
type Phase struct {
	Title  string
	Closes bool
	// InNamespaces is the first step that writes into agencies' namespaces, so
	// these must be there.
	InNamespaces bool
	// Newest is a step that brings the newest specs of what has another one in
	// force.
	Newest bool
	Items  []*unstructured.Unstructured
}

// Plan is what a restore does with an export.
type Plan struct {
	Phases []Phase
	// Agencies of the file that had a namespace.
	Agencies []*unstructured.Unstructured
	// Former and Newest are the two specs of objects that have two, by ObjectKey.
	Former, Newest map[string]*unstructured.Unstructured
	// Ran, Standards and NewStandards are what the steps of these names bring.
	Ran, Standards, NewStandards []*unstructured.Unstructured
	// Rights are those that waited for a confirmation, by agency.
	Rights []WaitingRights
	// Consents are those of portals to be platforms that are not restored.
	Consents []Withheld
	// full are the agencies that have more portals than they may.
	full map[string]bool
	// Approvals that were in effect; they are given again by people.
	Approvals []v1alpha1.DataSharingApproval
	// Skipped are objects that were being deleted.
	Skipped []*unstructured.Unstructured
	// Records are the decisions on the record of each link, by namespace/name.
	Records map[string][]any
}

// NewPlan sorts an export into phases. No decision that opens is in them: an
// approval is bound to UIDs that the new cluster does not have, and only people
// approve.
func NewPlan(e *Export) (*Plan, error) {
	p := &Plan{Records: map[string][]any{}, Former: map[string]*unstructured.Unstructured{}, Newest: map[string]*unstructured.Unstructured{}, full: map[string]bool{}}
	byKind := map[string][]*unstructured.Unstructured{}
	hashes, records := map[string]string{}, map[string][]v1alpha1.LinkDecision{}
	for _, o := range e.Objects {
		u := &unstructured.Unstructured{Object: o}
		if u.GetKind() == v1alpha1.KindDataSharingLink {
			hashes[u.GetNamespace()+"/"+u.GetName()], _, _ = unstructured.NestedString(o, "status", "specHash")
			p.Records[u.GetNamespace()+"/"+u.GetName()], _, _ = unstructured.NestedSlice(o, "status", "decisions")
			var l v1alpha1.DataSharingLink
			if Convert(u, &l) == nil {
				records[u.GetNamespace()+"/"+u.GetName()] = l.Status.Decisions
			}
		}
		// A standard or a decision that is being deleted closes until it is gone.
		if u.GetDeletionTimestamp() != nil && u.GetKind() != v1alpha1.KindSecurityPolicy && u.GetKind() != v1alpha1.KindDataSharingApproval {
			p.Skipped = append(p.Skipped, u)
			continue
		}
		byKind[u.GetKind()] = append(byKind[u.GetKind()], u)
	}
	decisions, err := p.splitDecisions(e.Cluster, byKind[v1alpha1.KindDataSharingApproval], hashes, records)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{v1alpha1.KindAgency, v1alpha1.KindSharedPlatform, v1alpha1.KindAgencyPortal, v1alpha1.KindDataService} {
		sortByAge(byKind[kind])
	}
	sortByClaim(byKind[v1alpha1.KindDataService])
	if err := p.splitStandards(byKind[v1alpha1.KindSecurityPolicy]); err != nil {
		return nil, err
	}
	agencies, err := p.onlyRightsInForce(byKind[v1alpha1.KindAgency])
	if err != nil {
		return nil, err
	}
	p.Agencies = slices.DeleteFunc(slices.Clone(agencies), func(u *unstructured.Unstructured) bool {
		return !slices.ContainsFunc(e.Namespaces, func(n Namespace) bool { return n.Agency == u.GetName() })
	})
	if err := p.withhold(byKind[v1alpha1.KindAgencyPortal], byKind[v1alpha1.KindSharedPlatform]); err != nil {
		return nil, err
	}
	p.countPortals(byKind[v1alpha1.KindAgencyPortal], agencies)
	newPortals := p.splitPortals(byKind[v1alpha1.KindAgencyPortal])
	p.Phases = []Phase{
		{Title: "standards", Closes: true, Items: p.Standards},
		{Title: "agencies", Closes: true, Items: agencies},
		{Title: "decisions that close", Closes: true, InNamespaces: true, Items: decisions},
		{Title: "portals as they ran", Closes: len(p.Consents) > 0, Items: p.Ran},
		{Title: "shared platforms", Items: byKind[v1alpha1.KindSharedPlatform]},
		{Title: "standards as they are asked for", Closes: true, Newest: true, Items: p.NewStandards},
		{Title: "portals as they are asked for", Newest: true, Items: newPortals},
		{Title: "data services", Items: byKind[v1alpha1.KindDataService]},
		{Title: "links", Items: byKind[v1alpha1.KindDataSharingLink]},
	}
	return p, nil
}

// Convert decodes an object of the file as its kind.
func Convert(u *unstructured.Unstructured, into any) error {
	data, err := json.Marshal(u.Object)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s of the file can't be read: %w", u.GetKind(), view.ObjectName(u), err)
	}
	return nil
}

// splitDecisions returns what a restore writes for the decisions that close. Those
// that open are noted where they were in effect: they are for the scope of the hash
// that their link has.
func (p *Plan) splitDecisions(cluster string, all []*unstructured.Unstructured, hashes map[string]string, records map[string][]v1alpha1.LinkDecision) ([]*unstructured.Unstructured, error) {
	var closes []*unstructured.Unstructured
	for _, u := range all {
		var a v1alpha1.DataSharingApproval
		if err := Convert(u, &a); err != nil {
			return nil, err
		}
		switch link := string(a.Spec.LinkRef.Namespace) + "/" + string(a.Spec.LinkRef.Name); {
		case a.Spec.Decision != v1alpha1.DecisionApprove:
			if linkkind.EarlierVeto(&a, records[link]) {
				a.Status.Side = v1alpha1.SideAuthority
			}
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(closing(cluster, &a))
			if err != nil {
				return nil, fmt.Errorf("restore %s %s: %w", u.GetKind(), view.ObjectName(u), err)
			}
			closes = append(closes, &unstructured.Unstructured{Object: content})
		case a.DeletionTimestamp == nil && a.Spec.SpecHash != "" && a.Spec.SpecHash == hashes[link]:
			p.Approvals = append(p.Approvals, a)
		}
	}
	return closes, nil
}

// closing is what a restore writes for a suspension or a rejection. A rejection
// is bound to a scope of the old cluster and would refuse nothing in the new one,
// so it becomes a suspension, which holds whatever the scope is. What the authority
// stopped stays the authority's.
func closing(cluster string, a *v1alpha1.DataSharingApproval) *v1alpha1.DataSharingApproval {
	from, _ := visibleJSON(map[string]string{
		"cluster": cluster, "uid": string(a.UID), "approver": a.Spec.Approver, "decision": string(a.Spec.Decision), "specHash": a.Spec.SpecHash,
		"created": a.CreationTimestamp.UTC().Format("2006-01-02T15:04:05Z"),
	})
	reason := []rune(string(a.Spec.Reason))
	prefix := []rune("Restored: ")
	if a.Spec.Decision == v1alpha1.DecisionReject {
		prefix = []rune("Restored rejection: ")
	}
	// The schema counts at most 1000 characters.
	reason = append(prefix, reason[:min(len(reason), 1000-len(prefix))]...)
	annotations := maps.Clone(a.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AnnotationRestoredFrom] = from
	out := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name, Labels: a.Labels, Annotations: annotations}}
	out.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindDataSharingApproval))
	out.Spec = v1alpha1.DataSharingApprovalSpec{
		LinkRef: a.Spec.LinkRef, Decision: v1alpha1.DecisionSuspend,
		Reason: v1alpha1.Text(strings.TrimSpace(string(reason))), Approver: "",
	}
	if a.Status.Side == v1alpha1.SideAuthority {
		out.Status.Side = v1alpha1.SideAuthority
	}
	return out
}

// sortByClaim puts services first that own their dataset, the longest owner
// before all others, so that nobody else comes to own it.
func sortByClaim(services []*unstructured.Unstructured) {
	since := func(u *unstructured.Unstructured) string {
		at, _, _ := unstructured.NestedString(u.Object, "status", "claim", "heldSince")
		if at == "" {
			return "9"
		}
		return at
	}
	slices.SortStableFunc(services, func(a, b *unstructured.Unstructured) int { return strings.Compare(since(a), since(b)) })
}

// OtherName is what a decision is called where its own name is taken.
func OtherName(u *unstructured.Unstructured) string {
	sum := sha256.Sum256([]byte(view.ObjectName(u)))
	return "restored-" + hex.EncodeToString(sum[:])[:16]
}

// Fresh is an object of the file as it is created: without what belongs to the
// old cluster. Owner references would have the garbage collector remove it.
func Fresh(u *unstructured.Unstructured) *unstructured.Unstructured {
	out := &unstructured.Unstructured{Object: map[string]any{}}
	out.SetGroupVersionKind(u.GroupVersionKind())
	out.SetNamespace(u.GetNamespace())
	out.SetName(u.GetName())
	out.SetLabels(u.GetLabels())
	out.SetAnnotations(u.GetAnnotations())
	if spec, ok := u.Object["spec"].(map[string]any); ok {
		out.Object["spec"] = (&unstructured.Unstructured{Object: spec}).DeepCopy().Object
	}
	if u.GetKind() == v1alpha1.KindAgency {
		// It names a namespace of the old cluster.
		unstructured.RemoveNestedField(out.Object, "spec", "adoptNamespace")
	}
	return out
}

// ApproveCommand is how an approval of the old cluster is given again.
func ApproveCommand(a *v1alpha1.DataSharingApproval) string {
	agency, _ := names.AgencyOf(a.Namespace)
	return fmt.Sprintf("kubectl gov approve %s -n %s --as-agency %s", a.Spec.LinkRef.Name, a.Spec.LinkRef.Namespace, agency)
}
