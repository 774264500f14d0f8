package agency

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/text"
)

// AdminBinding is the RoleBinding of who writes in an agency's namespace.
const AdminBinding = "agency-admins"

// viewerBinding is the one of who reads there.
const viewerBinding = "agency-viewers"

// Rights are who shall have rights in an agency's namespace.
type Rights struct {
	// InForce is whom the RoleBindings name.
	InForce v1alpha1.AgencyRights
	// Added and Removed are how that differs from what was in force before.
	Added, Removed v1alpha1.AgencyRights
	// Record is what is in force, and since when.
	Record v1alpha1.GrantedRights
	// Pending is what waits for a confirmation, and Waits why; nil when nothing does.
	Pending *v1alpha1.PendingRights
	Waits   *object.Blocker
	// Confirmed is true when Added needed a confirmation and has it.
	Confirmed bool
	// Refused are accounts that get no rights whoever asks for them.
	Refused []v1alpha1.ServiceAccountReference
}

// Gives reports whether somebody gets rights whom nobody confirmed.
func (r Rights) Gives() bool { return !NoRights(r.Added) && !r.Confirmed }

// Changed tells whether somebody gets or loses rights.
func (r Rights) Changed() bool { return !NoRights(r.Added) || !NoRights(r.Removed) }

// decideRights decides who has rights: who had them and is still asked for, and whom
// the spec adds, as soon as that may be. What it takes away never waits.
func decideRights(in Input) Rights {
	asked, held := askedRights(in.Agency), heldRights(in)
	r := Rights{Refused: operatorAccounts(in.OperatorNamespace, &asked)}
	r.InForce = common(held, asked)
	added := without(asked, held)
	if !NoRights(added) && !in.HoldRights {
		needed := mustConfirm(in, added)
		if needed {
			r.Pending, r.Waits = pendingRights(in, recordOf(in, r.InForce), added)
		}
		if r.Pending == nil {
			r.InForce, r.Confirmed = asked, needed
		}
	}
	r.Record = recordOf(in, r.InForce)
	before := rightsBefore(in)
	r.Added, r.Removed = without(r.InForce, before), without(before, r.InForce)
	if r.Waits == nil && len(r.Refused) > 0 {
		r.Waits = &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonOperatorsAccount, Message: fmt.Sprintf(
			"spec.adminServiceAccounts: %s get no rights, because accounts of the operator's namespace could read the agency's Secrets then; take them out and name an account of the agency's own delivery.", quoted(accounts(r.Refused)))}
	}
	return r
}

// operatorAccounts takes the accounts of the operator's own namespace out of some
// rights, and returns them.
func operatorAccounts(namespace string, r *v1alpha1.AgencyRights) (out []v1alpha1.ServiceAccountReference) {
	r.AdminServiceAccounts = slices.DeleteFunc(r.AdminServiceAccounts, func(a v1alpha1.ServiceAccountReference) bool {
		own := a.Namespace == namespace
		if own {
			out = append(out, a)
		}
		return own
	})
	return out
}

// recordOf is the record of what is in force. Its time is later than that of the
// record before, whatever the clock says, so that no two records are alike.
func recordOf(in Input, inForce v1alpha1.AgencyRights) v1alpha1.GrantedRights {
	since := in.Now.Rfc3339Copy()
	if was := in.Agency.Status.Rights; was != nil {
		if NoRights(without(inForce, was.AgencyRights)) && NoRights(without(was.AgencyRights, inForce)) {
			return *was
		}
		if !was.Since.Before(&since) {
			since = metav1.NewTime(was.Since.Add(time.Second))
		}
	}
	return v1alpha1.GrantedRights{AgencyRights: inForce, Since: since}
}

// RightsInForce are those that an agency's status records and its spec still asks
// for: what is added counts once it is recorded, what is taken away at once.
func RightsInForce(a *v1alpha1.Agency) v1alpha1.AgencyRights {
	if a.Status.Rights == nil {
		return v1alpha1.AgencyRights{}
	}
	return common(sortedRights(*a.Status.Rights.AgencyRights.DeepCopy()), askedRights(a))
}

// SayRightsInForce lists whom the rights in force name.
func SayRightsInForce(a *v1alpha1.Agency) string { return SayRights(RightsInForce(a)) }

// askedRights are those of the spec, sorted.
func askedRights(a *v1alpha1.Agency) v1alpha1.AgencyRights {
	return sortedRights(v1alpha1.AgencyRights{
		AdminGroups: slices.Clone(a.Spec.AdminGroups), AdminServiceAccounts: slices.Clone(a.Spec.AdminServiceAccounts), ViewerGroups: slices.Clone(a.Spec.ViewerGroups),
	})
}

// RightsNotInForce are those that an agency's spec asks for and that are not in
// force; none of an agency that an operator without a record of rights looked after.
func RightsNotInForce(a *v1alpha1.Agency) v1alpha1.AgencyRights {
	if a.Status.Rights == nil && a.Status.Namespace != "" {
		return v1alpha1.AgencyRights{}
	}
	return without(askedRights(a), RightsInForce(a))
}

// rightsBefore are those that the changes are told against: the recorded ones,
// else, of an agency from before there was a record, what its RoleBindings say. A
// new agency's bindings can be there before status.namespace is, when the
// operator died in between; they are as new as the agency, and announced.
func rightsBefore(in Input) v1alpha1.AgencyRights {
	if in.Agency.Status.Rights == nil && in.Agency.Status.Namespace == "" {
		return v1alpha1.AgencyRights{}
	}
	return heldRights(in)
}

// heldRights are the recorded ones, else what the agency's RoleBindings say: a
// status that is lost takes no rights and gives none.
func heldRights(in Input) v1alpha1.AgencyRights {
	if r := in.Agency.Status.Rights; r != nil {
		return sortedRights(*r.AgencyRights.DeepCopy())
	}
	var out v1alpha1.AgencyRights
	for i := range in.Bindings {
		b := &in.Bindings[i]
		if !names.OwnerOf(v1alpha1.KindAgency, in.Agency).Owns(b) {
			continue
		}
		for _, s := range b.Subjects {
			switch {
			case b.Name == AdminBinding && s.Kind == rbacv1.GroupKind:
				out.AdminGroups = append(out.AdminGroups, v1alpha1.GroupName(s.Name))
			case b.Name == AdminBinding && s.Kind == rbacv1.ServiceAccountKind:
				out.AdminServiceAccounts = append(out.AdminServiceAccounts, v1alpha1.ServiceAccountReference{Namespace: s.Namespace, Name: s.Name})
			case b.Name == viewerBinding && s.Kind == rbacv1.GroupKind:
				out.ViewerGroups = append(out.ViewerGroups, v1alpha1.GroupName(s.Name))
			}
		}
	}
	return sortedRights(out)
}

func sortedRights(r v1alpha1.AgencyRights) v1alpha1.AgencyRights {
	slices.Sort(r.AdminGroups)
	slices.Sort(r.ViewerGroups)
	slices.SortFunc(r.AdminServiceAccounts, func(x, y v1alpha1.ServiceAccountReference) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return r
}

// without returns what of some rights is not among others.
func without(r, others v1alpha1.AgencyRights) v1alpha1.AgencyRights {
	return v1alpha1.AgencyRights{
		AdminGroups:          minus(r.AdminGroups, others.AdminGroups),
		AdminServiceAccounts: minus(r.AdminServiceAccounts, others.AdminServiceAccounts),
		ViewerGroups:         minus(r.ViewerGroups, others.ViewerGroups),
	}
}

// common returns what of some rights is among others too.
func common(r, others v1alpha1.AgencyRights) v1alpha1.AgencyRights {
	return without(r, without(r, others))
}

func minus[T comparable](items, others []T) []T {
	return slices.DeleteFunc(slices.Clone(items), func(i T) bool { return slices.Contains(others, i) })
}

// NoRights tells whether some rights name nobody.
func NoRights(r v1alpha1.AgencyRights) bool {
	return len(r.AdminGroups)+len(r.AdminServiceAccounts)+len(r.ViewerGroups) == 0
}

// RightsList lists whom rights name, each with the field of the spec.
func RightsList(r v1alpha1.AgencyRights) []string {
	var out []string
	for _, f := range rightsByField(r) {
		for _, item := range f.items {
			out = append(out, f.field+" "+item)
		}
	}
	return out
}

// SayRights lists whom rights name, by the field of the spec, each between quotes.
func SayRights(r v1alpha1.AgencyRights) string {
	var out []string
	for _, f := range rightsByField(r) {
		if len(f.items) > 0 {
			out = append(out, f.field+" "+quoted(f.items))
		}
	}
	return strings.Join(out, "; ")
}

// fieldRights are whom one field of the spec names.
type fieldRights struct {
	field string
	items []string
}

func rightsByField(r v1alpha1.AgencyRights) []fieldRights {
	return []fieldRights{
		{"adminGroups", texts(r.AdminGroups)}, {"adminServiceAccounts", accounts(r.AdminServiceAccounts)}, {"viewerGroups", texts(r.ViewerGroups)},
	}
}

func quoted(items []string) string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = text.Quote(item)
	}
	return strings.Join(out, ", ")
}

func texts(groups []v1alpha1.GroupName) []string {
	out := make([]string, len(groups))
	for i, g := range groups {
		out[i] = string(g)
	}
	return out
}

func accounts(refs []v1alpha1.ServiceAccountReference) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.Namespace + "/" + r.Name
	}
	return out
}
