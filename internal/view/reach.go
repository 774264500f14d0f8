package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
)

// ReachAnswer says whether one portal reaches another, and why.
type ReachAnswer struct {
	From string `json:"from"`
	To   string `json:"to"`
	Port string `json:"port"`
	Open bool   `json:"open"`
	// Why names the policies that decide.
	Why string `json:"why"`
	// Over are the sharing platforms over which open links pass between the two.
	Over []string `json:"over,omitempty"`
	// Links are what the links and references between the two say.
	Links []string `json:"links"`
}

// portalKey finds the portal that an argument names: agency/portal,
// namespace/portal, or a name that is unique among what the user may read.
func (c *State) portalKey(namespace, arg string) (client.ObjectKey, error) {
	where, name, qualified := strings.Cut(arg, "/")
	var matches []client.ObjectKey
	for i := range c.portals.Items {
		p := &c.portals.Items[i]
		key := client.ObjectKeyFromObject(p)
		switch {
		case qualified && p.Name == name && (p.Namespace == where || p.Namespace == names.Namespace(where)),
			!qualified && p.Name == arg && (namespace == "" || p.Namespace == namespace):
			matches = append(matches, key)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		if !qualified && namespace != "" {
			return c.portalKey("", arg)
		}
		return client.ObjectKey{}, fmt.Errorf("there is no portal %q that you may read: name it as agency/portal", arg)
	}
	slices.SortFunc(matches, compareKeys)
	return client.ObjectKey{}, fmt.Errorf("%q is more than one portal (%s, %s, …): name it as agency/portal", arg, matches[0], matches[1])
}

func compareKeys(a, b client.ObjectKey) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

func (c *State) portal(key client.ObjectKey) *v1alpha1.AgencyPortal {
	for i := range c.portals.Items {
		if client.ObjectKeyFromObject(&c.portals.Items[i]) == key {
			return &c.portals.Items[i]
		}
	}
	return nil
}

// podsOf are the live pods of a portal.
func (c *State) podsOf(key client.ObjectKey) []reach.Endpoint {
	var out []reach.Endpoint
	for i := range c.pods.Items {
		p := &c.pods.Items[i]
		if p.Namespace == key.Namespace && p.Labels[names.LabelPortal] == key.Name && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			out = append(out, reach.PodEndpoint(p.Namespace, p.Name))
		}
	}
	return out
}

// reach answers for one ordered pair of portals. Port 0 is the port of the second.
func (c *State) reach(ctx context.Context, from, to client.ObjectKey, port int32, now time.Time) (ReachAnswer, error) {
	listening := c.listening(to)
	if port == 0 {
		port = c.portal(to).Spec.Port
		// What runs counts, also while a rollout can't proceed.
		if len(listening) > 0 && !slices.Contains(listening, port) {
			port = listening[0]
		}
	}
	a := ReachAnswer{From: from.String(), To: to.String(), Port: fmt.Sprintf("TCP/%d", port), Links: []string{}}
	sources, targets := c.podsOf(from), c.podsOf(to)
	for _, end := range []struct {
		key  client.ObjectKey
		pods []reach.Endpoint
	}{{from, sources}, {to, targets}} {
		if len(end.pods) == 0 {
			a.Why = fmt.Sprintf("portal %s has no pods (see kubectl gov status -n %s %s).", end.key, end.key.Namespace, end.key.Name)
		}
	}
	if a.Why == "" {
		e := reach.New(c.snapshot())
		p := reach.Port{Protocol: corev1.ProtocolTCP, Number: port}
		cell := e.Matrix([]reach.Group{{Name: a.From, Endpoints: sources}, {Name: a.To, Endpoints: targets}}, []reach.Port{p}).Cell(0, 1)
		flow := cell.Example
		if !cell.Open() {
			flow = reach.Flow{From: sources[0], To: otherThan(targets, sources[0]), Protocol: p.Protocol, Port: p.Number}
		}
		a.Open = cell.Open()
		a.Why = e.Evaluate(flow).Explain()
		if cell.Open() && cell.OpenPairs < cell.Pairs {
			a.Why += fmt.Sprintf(" That is so for %d of %d pairs of pods only.", cell.OpenPairs, cell.Pairs)
		}
	}
	switch {
	case len(listening) > 1:
		a.Why += fmt.Sprintf(" While a rollout is under way, pods of %s listen on %s.", to, joinNumbers(listening))
	case len(listening) == 1 && !slices.Contains(listening, port):
		a.Why += fmt.Sprintf(" No pod of %s listens on that port; they listen on %d.", to, listening[0])
	}
	return a, c.linksBetween(ctx, from, to, now, &a)
}

// listening are the ports that the pods of a portal declare, sorted.
func (c *State) listening(key client.ObjectKey) []int32 {
	var out []int32
	for i := range c.pods.Items {
		p := &c.pods.Items[i]
		if p.Namespace != key.Namespace || p.Labels[names.LabelPortal] != key.Name || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		for _, ct := range p.Spec.Containers {
			for _, port := range ct.Ports {
				out = append(out, port.ContainerPort)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func joinNumbers(numbers []int32) string {
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = strconv.Itoa(int(n))
	}
	return strings.Join(parts, " and ")
}

func otherThan(endpoints []reach.Endpoint, not reach.Endpoint) reach.Endpoint {
	for _, e := range endpoints {
		if e != not {
			return e
		}
	}
	return endpoints[0]
}

// linksBetween adds to an answer what the links and references from one portal to
// the other come to.
func (c *State) linksBetween(ctx context.Context, from, to client.ObjectKey, now time.Time, a *ReachAnswer) error {
	out := []string{}
	for i := range c.links.Items {
		l := &c.links.Items[i]
		if l.Namespace != from.Namespace || string(l.Spec.Consumer.PortalRef.Name) != from.Name {
			continue
		}
		in, err := link.Gather(ctx, c.store, c.settings, now, l)
		if err != nil {
			return err
		}
		toProvider := in.Provider.Portal != nil && client.ObjectKeyFromObject(in.Provider.Portal) == to
		overIt := in.Via.Portal != nil && client.ObjectKeyFromObject(in.Via.Portal) == to
		if toProvider || overIt {
			out = append(out, c.describeLink(in, overIt && !toProvider))
		}
		if via := in.Via.Portal; toProvider && via != nil && l.Spec.Route != v1alpha1.RouteDirect && c.isOpen(in) {
			a.Over = append(a.Over, fmt.Sprintf("%s/%s (link %s/%s is Open)", AgencyOf(via.Namespace), via.Name, l.Namespace, l.Name))
		}
	}
	for i := range c.platforms.Items {
		p := &c.platforms.Items[i]
		e := p.Spec.Endpoint.Portal
		if e == nil || names.Namespace(string(e.Agency)) != to.Namespace || string(e.Name) != to.Name {
			continue
		}
		if slices.Contains(portal.PlatformNames(c.portal(from)), p.Name) {
			out = append(out, fmt.Sprintf("%s references SharedPlatform %s in spec.platformRefs", from, p.Name))
		} else if len(p.Spec.Agencies) == 0 && p.Spec.Type != v1alpha1.PlatformDataSharing {
			// What carries links is not referenced: the way over it is a link.
			out = append(out, fmt.Sprintf("%s is SharedPlatform %s: %s reaches it with that name in spec.platformRefs", to, p.Name, from))
		}
	}
	if len(out) == 0 && from.Namespace != to.Namespace {
		out = append(out, fmt.Sprintf("no DataSharingLink of %s asks for a service of %s, and no SharedPlatform of it is referenced", from, to))
	}
	slices.Sort(out)
	slices.Sort(a.Over)
	a.Links = out
	return nil
}

// isOpen reports whether a link is open, by its status or, offline, by decision.
func (c *State) isOpen(in link.Input) bool {
	phase := in.Link.Status.Phase
	if phase == "" {
		phase, _ = c.offlinePhase(in)
	}
	return phase == v1alpha1.PhaseOpen
}

// describeLink says in one sentence what a link lets pass, or what it lacks.
func (c *State) describeLink(in link.Input, isPlatform bool) string {
	l := in.Link
	name := fmt.Sprintf("DataSharingLink %s/%s", l.Namespace, l.Name)
	missing := []string{}
	for _, t := range []string{v1alpha1.ConditionReferencesResolved, v1alpha1.ConditionWithinValidity,
		v1alpha1.ConditionProviderApproved, v1alpha1.ConditionAuthorityApproved, v1alpha1.ConditionPolicyPaired} {
		cond := meta.FindStatusCondition(l.Status.Conditions, t)
		if cond == nil || cond.Status == metav1.ConditionTrue || (t == v1alpha1.ConditionPolicyPaired && len(missing) > 0) {
			continue
		}
		missing = append(missing, t+": "+cond.Message)
	}
	phase := l.Status.Phase
	if phase == "" {
		phase, missing = c.offlinePhase(in)
	}
	switch {
	case len(missing) > 0:
		return fmt.Sprintf("%s is %s: %s", name, phase, strings.Join(missing, " "))
	case l.Spec.Route == v1alpha1.RouteDirect:
		return fmt.Sprintf("%s is %s, direct", name, phase)
	case in.Via.Portal == nil:
		return fmt.Sprintf("%s is %s", name, phase)
	case isPlatform:
		return fmt.Sprintf("%s is %s and passes over this portal to %s", name, phase, l.Spec.Provider.Service)
	default:
		via := in.Via.Portal
		return fmt.Sprintf("%s is %s over the sharing platform: %s/%s reaches %s/%s, and that reaches the provider", name, phase, l.Namespace, l.Spec.Consumer.PortalRef.Name, via.Namespace, via.Name)
	}
}

// offlinePhase decides about a link that no operator has seen.
func (c *State) offlinePhase(in link.Input) (phase string, missing []string) {
	out := link.Decide(in)
	for _, b := range out.References {
		missing = append(missing, b.Message)
	}
	if out.Validity != nil {
		missing = append(missing, out.Validity.Message)
	}
	switch {
	case len(missing) > 0:
		return "Shut", missing
	case out.Open:
		return v1alpha1.PhaseOpen, nil
	case !out.Provider.Approved:
		missing = append(missing, fmt.Sprintf("the provider %q must approve it.", in.Link.Spec.Provider.Agency))
	}
	if out.AuthorityRequired && !out.Authority.Approved {
		missing = append(missing, fmt.Sprintf("the authority %q must approve it.", c.settings.AuthorityAgency))
	}
	return v1alpha1.PhaseRequested, append(missing, "Approvals are bound to identities that the API server gives out; with --assume-approved offline answers take them as given.")
}
