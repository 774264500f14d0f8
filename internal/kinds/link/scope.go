package link

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/text"
)

// ScopeOf returns what an approval of the link approves; ok is false while there
// is no scope.
func ScopeOf(in Input) (scope v1alpha1.LinkScope, ok bool) {
	in, _ = onWhatComes(in)
	if len(referenceBlockers(in, floorOf(in))) > 0 || !recordable(in.Link.Spec.ValidUntil.Time) {
		return v1alpha1.LinkScope{}, false
	}
	return buildScope(in), true
}

func buildScope(in Input) v1alpha1.LinkScope {
	l, svc := in.Link, in.Service
	s := v1alpha1.LinkScope{
		LinkUID: l.UID, LinkGeneration: l.Generation,
		Consumer:       end(in, in.Consumer),
		Provider:       end(in, in.Provider),
		Service:        v1alpha1.LinkScopeService{Agency: v1alpha1.AgencyName(in.Provider.Agency.Name), Name: svc.Name, UID: svc.UID},
		Operations:     operationsOf(l, svc),
		Port:           svc.Spec.Port,
		Classification: classification(in),
		Purpose:        string(l.Spec.Purpose),
		LegalBasis:     string(l.Spec.LegalBasis),
		ValidUntil:     metav1.NewTime(l.Spec.ValidUntil.UTC().Truncate(time.Second)),
		Route:          l.Spec.Route,
		RequestedBy:    l.Spec.RequestedBy,
	}
	if l.Spec.RateLimit != nil {
		s.RequestsPerSecond = l.Spec.RateLimit.RequestsPerSecond
	}
	if l.Spec.Route != v1alpha1.RouteDirect {
		via := end(in, in.Via)
		s.Via = &via
	}
	return s
}

// operationsOf returns the operations of a service that a link asks for.
func operationsOf(l *v1alpha1.DataSharingLink, svc *v1alpha1.DataService) []v1alpha1.Operation {
	var out []v1alpha1.Operation
	for _, o := range svc.Spec.Operations {
		if slices.Contains(l.Spec.Operations, o.Name) {
			out = append(out, o)
		}
	}
	return out
}

// end is a portal with what is material about it. What is not named here, such
// as its replicas, resources or a new release of the same program, may change
// without a new approval.
func end(in Input, p portal.End) v1alpha1.LinkScopeEnd {
	e := portal.Facts(in.Settings, &p.Portal.Spec)
	e.Agency, e.Name, e.UID = v1alpha1.AgencyName(p.Agency.Name), p.Portal.Name, p.Portal.UID
	return e
}

// HashScope returns "sha256:" and the hash of a scope. Neither the order in which
// operations are listed matters nor how an editor writes the same words.
func HashScope(s v1alpha1.LinkScope) string {
	s.Purpose, s.LegalBasis = text.Normalise(s.Purpose), text.Normalise(s.LegalBasis)
	s.Operations = slices.Clone(s.Operations)
	slices.SortFunc(s.Operations, func(a, b v1alpha1.Operation) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Method, b.Method), strings.Compare(a.Path, b.Path))
	})
	return object.Hash(s)
}
