package agency

import (
	"context"
	"fmt"
	"slices"
	stdstrings "strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// LiveRights asks the API server itself for what decides who gets rights in an
// agency: its namespace, and whether it holds personal data.
func LiveRights(ctx context.Context, live client.Reader, in *Input) error {
	if NewAgency(in.Agency, in.Namespace) {
		ns, err := read.Get[corev1.Namespace](ctx, live, client.ObjectKey{Name: names.Namespace(in.Agency.Name)})
		if err != nil {
			return fmt.Errorf("read namespace: %w", err)
		}
		in.Namespace = ns
	}
	personal, err := findPersonalData(ctx, live, true, *in)
	if err != nil {
		return err
	}
	if personal != "" {
		in.PersonalData = personal
	}
	return nil
}

// findPersonalData names one thing that shows that an agency holds personal data or
// stricter, the first by kind and name; empty when nothing does. What runs counts
// as well as what is asked for, and what cannot be read counts as personal. A new
// agency holds nothing, but an earlier one of its name may have. What was there
// once counts until the namespace goes: who deletes it leaves Secrets behind. The
// API server itself has no indexes, so a live reader lists all links.
func findPersonalData(ctx context.Context, r client.Reader, live bool, in Input) (string, error) {
	a := in.Agency
	looks := []func() (string, error){
		func() (string, error) { return findPersonalPortal(ctx, r, a) },
		func() (string, error) { return findPersonalService(ctx, r, a) },
		func() (string, error) { return findPersonalLink(ctx, r, live, in.Settings, a) },
	}
	if NewAgency(a, in.Namespace) {
		looks = []func() (string, error){func() (string, error) { return formerLink(ctx, r, live, in.Settings, a) }}
	}
	for _, look := range looks {
		found, err := look()
		if unreadable.IsUnreadable(err) {
			return "an object that the operator can't read", nil
		}
		if err != nil || found != "" {
			return found, err
		}
	}
	if sawPersonalData(in.Namespace) {
		return "its namespace did before", nil
	}
	return "", nil
}

// readHeldPersonalData reports whether personal data was ever seen in an agency's
// namespace, or in a link of which it is an end. It is kept, so only what was seen
// counts, and neither what can't be read nor what the catalogue says.
func readHeldPersonalData(ctx context.Context, r client.Reader, in Input) (bool, error) {
	if sawPersonalData(in.Namespace) {
		return true, nil
	}
	if in.PersonalData == "" {
		return false, nil
	}
	var portals v1alpha1.AgencyPortalList
	if err := listOwn(ctx, r, in.Agency, &portals, "portals", unreadable.Skip); err != nil {
		return false, err
	}
	var services v1alpha1.DataServiceList
	if err := listOwn(ctx, r, in.Agency, &services, "data services", unreadable.Skip); err != nil {
		return false, err
	}
	links, err := linksOf(ctx, r, false, false, in.Agency, unreadable.Skip)
	if err != nil {
		return false, err
	}
	return firstPersonal(portals.Items, PersonalPortal) != "" || firstPersonal(services.Items, PersonalService) != "" ||
		slices.ContainsFunc(links, func(l v1alpha1.DataSharingLink) bool {
			return personalLink(&l) && slices.Contains(object.ScopeAgencies(l.Status.Scope), in.Agency.Name)
		}), nil
}

// listOwn lists what of a kind stands in an agency's namespace.
func listOwn(ctx context.Context, r client.Reader, a *v1alpha1.Agency, into client.ObjectList, what string, how client.ListOption) error {
	if err := r.List(ctx, into, client.InNamespace(names.Namespace(a.Name)), how, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	return nil
}

// firstPersonal is the first name among the items that are personal; empty for none.
func firstPersonal[T any, P interface {
	*T
	client.Object
}](items []T, personal func(P) bool) string {
	found := ""
	for i := range items {
		if o := P(&items[i]); personal(o) {
			found = firstName(found, o.GetName())
		}
	}
	return found
}

func findPersonalPortal(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	var list v1alpha1.AgencyPortalList
	err := listOwn(ctx, r, a, &list, "portals", unreadable.Strict)
	return named(v1alpha1.KindAgencyPortal, firstPersonal(list.Items, PersonalPortal)), err
}

// PersonalPortal reports whether a portal, or what keeps running in its place,
// holds personal data or stricter. What is not recorded may.
func PersonalPortal(p *v1alpha1.AgencyPortal) bool {
	last := p.Status.LastCompliant
	return policy.Protected(p.Spec.DataClassification) || last != nil && policy.Protected(last.DataClassification) || object.RunsUnrecorded(p)
}

func findPersonalService(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	var list v1alpha1.DataServiceList
	err := listOwn(ctx, r, a, &list, "data services", unreadable.Strict)
	return named(v1alpha1.KindDataService, firstPersonal(list.Items, PersonalService)), err
}

// PersonalService reports whether a data service shares personal data or stricter.
func PersonalService(s *v1alpha1.DataService) bool { return policy.Protected(s.Spec.Classification) }

// findPersonalLink looks at the links that an agency has a part in: by their scopes,
// and by what they ask for as it is now.
func findPersonalLink(ctx context.Context, r client.Reader, live bool, s settings.Settings, a *v1alpha1.Agency) (string, error) {
	carrier, err := carries(ctx, r, live, a)
	if err != nil {
		return "", err
	}
	vetoes, err := earlierVetoes(ctx, r, s, a)
	if err != nil {
		return "", err
	}
	links, err := linksOf(ctx, r, live || a.Name == s.AuthorityAgency || len(vetoes) > 0, carrier, a, unreadable.Strict)
	if err != nil {
		return "", err
	}
	found, asked := "", map[v1alpha1.LinkProvider]bool{}
	for i := range links {
		l := &links[i]
		if !hasPart(l, s, carrier, a) && !stops(vetoes, l) {
			continue
		}
		personal, known := personalLink(l), string(l.Spec.Provider.Agency) == a.Name
		if !personal && !known {
			if personal, known = asked[l.Spec.Provider]; !known {
				if personal, err = personalProvider(ctx, r, l); err != nil {
					return "", err
				}
				asked[l.Spec.Provider] = personal
			}
		}
		if personal {
			found = firstName(found, l.Namespace+"/"+l.Name)
		}
	}
	return named(v1alpha1.KindDataSharingLink, found), nil
}

// formerLink names a link that shows that an agency of this name was there before
// and had a part in personal data: it is an end of a scope, or decided. What the
// agency is only asked for shows nothing: it may be asked before it is there. What
// can't be read is closed, and holds up the authority alone, which decides about
// it when it is mended.
func formerLink(ctx context.Context, r client.Reader, live bool, s settings.Settings, a *v1alpha1.Agency) (string, error) {
	var how client.ListOption = unreadable.Skip
	if a.Name == s.AuthorityAgency {
		how = unreadable.Strict
	}
	links, err := linksOf(ctx, r, live || a.Name == s.AuthorityAgency, false, a, how)
	if err != nil {
		return "", err
	}
	found := ""
	for i := range links {
		if l := &links[i]; hadPart(l, a) {
			found = firstName(found, l.Namespace+"/"+l.Name)
		}
	}
	return named(v1alpha1.KindDataSharingLink, found), nil
}

// hadPart reports whether a link's record shows a part of an agency in personal
// data. A scope goes with its ends, and decisions stay: of one without a scope
// nobody knows any more what it was about.
func hadPart(l *v1alpha1.DataSharingLink, a *v1alpha1.Agency) bool {
	decided := slices.ContainsFunc(l.Status.Decisions, func(d v1alpha1.LinkDecision) bool { return d.Namespace == names.Namespace(a.Name) })
	if l.Status.Scope == nil {
		return decided
	}
	return personalLink(l) && (decided || slices.Contains(object.ScopeAgencies(l.Status.Scope), a.Name))
}

// linksOf lists the links among which are all that an agency has a part in.
func linksOf(ctx context.Context, r client.Reader, all, carrier bool, a *v1alpha1.Agency, how client.ListOption) ([]v1alpha1.DataSharingLink, error) {
	where := []client.ListOption{client.MatchingFields{names.IndexLinkAgency: a.Name}}
	if carrier {
		where = append(where, client.MatchingFields{names.IndexLinkRoute: string(v1alpha1.RoutePlatform)})
	}
	if all {
		where = []client.ListOption{&client.ListOptions{}}
	}
	var out []v1alpha1.DataSharingLink
	for _, option := range where {
		var list v1alpha1.DataSharingLinkList
		if err := r.List(ctx, &list, option, how, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list links: %w", err)
		}
		out = append(out, list.Items...)
	}
	return out, nil
}

// hasPart reports whether what flows over a link is in an agency's hands: it is
// an end, or carries the traffic, or is the authority, which decides about it.
func hasPart(l *v1alpha1.DataSharingLink, s settings.Settings, carrier bool, a *v1alpha1.Agency) bool {
	return a.Name == s.AuthorityAgency || carrier && l.Spec.Route != v1alpha1.RouteDirect || slices.Contains(object.LinkAgencies(l), a.Name)
}

// earlierVetoes are the decisions with which an agency that was the authority, and
// is no more, stops links: who has rights in it can lift them.
func earlierVetoes(ctx context.Context, r client.Reader, s settings.Settings, a *v1alpha1.Agency) ([]v1alpha1.DataSharingApproval, error) {
	if a.Name == s.AuthorityAgency {
		return nil, nil
	}
	var list v1alpha1.DataSharingApprovalList
	if err := r.List(ctx, &list, client.InNamespace(names.Namespace(a.Name)), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list decisions: %w", err)
	}
	var out []v1alpha1.DataSharingApproval
	for i := range list.Items {
		// One that can't be read may come from another namespace.
		if v := &list.Items[i]; v.Namespace == names.Namespace(a.Name) && object.RecordedVeto(v) {
			out = append(out, *v)
		}
	}
	return out, nil
}

// stops reports whether one of some decisions is about a link. One of which not even
// that can be read is about all.
func stops(vetoes []v1alpha1.DataSharingApproval, l *v1alpha1.DataSharingLink) bool {
	return slices.ContainsFunc(vetoes, func(v v1alpha1.DataSharingApproval) bool {
		ref := v.Spec.LinkRef
		return ref == v1alpha1.LinkReference{} || string(ref.Namespace) == l.Namespace && string(ref.Name) == l.Name
	})
}

// carries reports whether a sharing platform is at a portal of an agency. Also
// one that is not available: its portal can come back.
func carries(ctx context.Context, r client.Reader, live bool, a *v1alpha1.Agency) (bool, error) {
	opts := []client.ListOption{unreadable.Strict, client.UnsafeDisableDeepCopy}
	if !live {
		opts = append(opts, client.MatchingFields{names.IndexPlatformType: string(v1alpha1.PlatformDataSharing)})
	}
	var list v1alpha1.SharedPlatformList
	if err := r.List(ctx, &list, opts...); err != nil {
		return false, fmt.Errorf("list sharing platforms: %w", err)
	}
	return slices.ContainsFunc(list.Items, func(p v1alpha1.SharedPlatform) bool { return Carrier(&p) == a.Name }), nil
}

// Carrier names the agency of a sharing platform's portal; empty for none.
func Carrier(p *v1alpha1.SharedPlatform) string {
	if p.Spec.Type != v1alpha1.PlatformDataSharing || p.Spec.Endpoint.Portal == nil {
		return ""
	}
	return string(p.Spec.Endpoint.Portal.Agency)
}

// PersonalEnds names the agencies of a link's ends while its scope has personal
// data; empty otherwise.
func PersonalEnds(l *v1alpha1.DataSharingLink) string {
	if !personalLink(l) {
		return ""
	}
	return stdstrings.Join(object.LinkAgencies(l), " ")
}

// personalLink reports whether the scope of a link has personal data or stricter.
func personalLink(l *v1alpha1.DataSharingLink) bool {
	return l.Status.Scope != nil && policy.Protected(l.Status.Scope.Classification)
}

// personalProvider reports whether what a link asks for is personal, whether or
// not it has a scope yet.
func personalProvider(ctx context.Context, r client.Reader, l *v1alpha1.DataSharingLink) (bool, error) {
	namespace := names.Namespace(string(l.Spec.Provider.Agency))
	svc, err := read.Get[v1alpha1.DataService](ctx, r, client.ObjectKey{Namespace: namespace, Name: string(l.Spec.Provider.Service)})
	if err != nil || svc == nil {
		return false, read.Wrap("read service", err)
	}
	p, err := read.Get[v1alpha1.AgencyPortal](ctx, r, client.ObjectKey{Namespace: namespace, Name: string(svc.Spec.PortalRef.Name)})
	return PersonalService(svc) || p != nil && PersonalPortal(p), read.Wrap("read portal", err)
}

// firstName is the earlier of two names in the order of the alphabet; found may be empty.
func firstName(found, name string) string {
	if found == "" || name < found {
		return name
	}
	return found
}

// named is a kind with a name, empty without a name.
func named(kind, name string) string {
	if name == "" {
		return ""
	}
	return kind + " " + name
}
