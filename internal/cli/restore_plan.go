package cli

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
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view"
)

// AnnotationRestoredFrom is on a decision that kubectl gov restore wrote. It says
// who decided what in the cluster of the export.
const AnnotationRestoredFrom = "platform.gov.vn/restored-from"

// phase is a step of a restore. What closes goes first, and a step that closes
// must be complete before the next one begins.
type phase struct {
	title  string
	closes bool
	// inNamespaces is the first step that writes into agencies' namespaces, so
	// these must be there.
	inNamespaces bool
	// newest is a step that brings the newest specs of what has another one in
	// force.
	newest bool
	items  []*unstructured.Unstructured
}

// restorePlan is what a restore does with an export.
type restorePlan struct {
	phases []phase
	// agencies of the file that had a namespace.
	agencies []*unstructured.Unstructured
	// former and newest are the two specs of objects that have two, by objectKey.
	former, newest map[string]*unstructured.Unstructured
	// ran, standards and newStandards are what the steps of these names bring.
	ran, standards, newStandards []*unstructured.Unstructured
	// rights are those that waited for a confirmation, by agency.
	rights []waitingRights
	// consents are those of portals to be platforms that are not restored.
	consents []withheld
	// full are the agencies that have more portals than they may.
	full map[string]bool
	// approvals that were in effect; they are given again by people.
	approvals []v1alpha1.DataSharingApproval
	// skipped are objects that were being deleted.
	skipped []*unstructured.Unstructured
	// records are the decisions on the record of each link, by namespace/name.
	records map[string][]any
}

// planRestore sorts an export into phases. No decision that opens is in them: an
// approval is bound to UIDs that the new cluster does not have, and only people
// approve.
func planRestore(e *Export) (*restorePlan, error) {
	p := &restorePlan{records: map[string][]any{}, former: map[string]*unstructured.Unstructured{}, newest: map[string]*unstructured.Unstructured{}, full: map[string]bool{}}
	byKind := map[string][]*unstructured.Unstructured{}
	hashes, records := map[string]string{}, map[string][]v1alpha1.LinkDecision{}
	for _, o := range e.Objects {
		u := &unstructured.Unstructured{Object: o}
		if u.GetKind() == v1alpha1.KindDataSharingLink {
			hashes[u.GetNamespace()+"/"+u.GetName()], _, _ = unstructured.NestedString(o, "status", "specHash")
			p.records[u.GetNamespace()+"/"+u.GetName()], _, _ = unstructured.NestedSlice(o, "status", "decisions")
			var l v1alpha1.DataSharingLink
			if convert(u, &l) == nil {
				records[u.GetNamespace()+"/"+u.GetName()] = l.Status.Decisions
			}
		}
		// A standard or a decision that is being deleted closes until it is gone.
		if u.GetDeletionTimestamp() != nil && u.GetKind() != v1alpha1.KindSecurityPolicy && u.GetKind() != v1alpha1.KindDataSharingApproval {
			p.skipped = append(p.skipped, u)
			continue
		}
		byKind[u.GetKind()] = append(byKind[u.GetKind()], u)
	}
	var decisions []*unstructured.Unstructured
	for _, u := range byKind[v1alpha1.KindDataSharingApproval] {
		var a v1alpha1.DataSharingApproval
		if err := convert(u, &a); err != nil {
			return nil, err
		}
		switch link := string(a.Spec.LinkRef.Namespace) + "/" + string(a.Spec.LinkRef.Name); {
		case a.Spec.Decision != v1alpha1.DecisionApprove:
			if desired.EarlierVeto(&a, records[link]) {
				a.Status.Side = v1alpha1.SideAuthority
			}
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(closing(e.Cluster, &a))
			if err != nil {
				return nil, fmt.Errorf("restore %s %s: %w", u.GetKind(), view.ObjectName(u), err)
			}
			decisions = append(decisions, &unstructured.Unstructured{Object: content})
		case a.DeletionTimestamp == nil && a.Spec.SpecHash != "" && a.Spec.SpecHash == hashes[link]:
			p.approvals = append(p.approvals, a)
		}
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
	p.agencies = slices.DeleteFunc(slices.Clone(agencies), func(u *unstructured.Unstructured) bool {
		return !slices.ContainsFunc(e.Namespaces, func(n ExportedNamespace) bool { return n.Agency == u.GetName() })
	})
	if err := p.withhold(byKind[v1alpha1.KindAgencyPortal], byKind[v1alpha1.KindSharedPlatform]); err != nil {
		return nil, err
	}
	p.countPortals(byKind[v1alpha1.KindAgencyPortal], agencies)
	newPortals := p.splitPortals(byKind[v1alpha1.KindAgencyPortal])
	p.phases = []phase{
		{title: "standards", closes: true, items: p.standards},
		{title: "agencies", closes: true, items: agencies},
		{title: "decisions that close", closes: true, inNamespaces: true, items: decisions},
		{title: "portals as they ran", closes: len(p.consents) > 0, items: p.ran},
		{title: "shared platforms", items: byKind[v1alpha1.KindSharedPlatform]},
		{title: "standards as they are asked for", closes: true, newest: true, items: p.newStandards},
		{title: "portals as they are asked for", newest: true, items: newPortals},
		{title: "data services", items: byKind[v1alpha1.KindDataService]},
		{title: "links", items: byKind[v1alpha1.KindDataSharingLink]},
	}
	return p, nil
}

// convert decodes an object of the file as its kind.
func convert(u *unstructured.Unstructured, into any) error {
	data, err := json.Marshal(u.Object)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s of the file can't be read: %w", u.GetKind(), view.ObjectName(u), err)
	}
	return nil
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

// otherName is what a decision is called where its own name is taken.
func otherName(u *unstructured.Unstructured) string {
	sum := sha256.Sum256([]byte(view.ObjectName(u)))
	return "restored-" + hex.EncodeToString(sum[:])[:16]
}

// fresh is an object of the file as it is created: without what belongs to the
// old cluster. Owner references would have the garbage collector remove it.
func fresh(u *unstructured.Unstructured) *unstructured.Unstructured {
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

// approveCommand is how an approval of the old cluster is given again.
func approveCommand(a *v1alpha1.DataSharingApproval) string {
	agency, _ := names.AgencyOf(a.Namespace)
	return fmt.Sprintf("kubectl gov approve %s -n %s --as-agency %s", a.Spec.LinkRef.Name, a.Spec.LinkRef.Namespace, agency)
}
