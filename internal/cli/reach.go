package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/gather"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/internal/settings"
)

// Exit codes of reach and audit beside 0.
const (
	exitShut   = 1
	exitFailed = 2
)

// ReachAnswer says whether one portal reaches another, and why.
type ReachAnswer struct {
	From string `json:"from"`
	To   string `json:"to"`
	Port string `json:"port"`
	Open bool   `json:"open"`
	// Why names the policies that decide.
	Why string `json:"why"`
	// Links are what the links and references between the two say.
	Links []string `json:"links"`
}

// Print writes the answer for people.
func (a ReachAnswer) Print(w io.Writer) {
	answer := "No"
	if a.Open {
		answer = "Yes"
	}
	fmt.Fprintf(w, "%s: %s\n", answer, a.Why)
	for _, l := range a.Links {
		fmt.Fprintln(w, "  - "+l)
	}
}

// portalKey finds the portal that an argument names: agency/portal,
// namespace/portal, or a name that is unique among what the user may read.
func (c *platformState) portalKey(namespace, arg string) (client.ObjectKey, error) {
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
		return client.ObjectKey{}, exitError{exitFailed, fmt.Sprintf("there is no portal %q that you may read: name it as agency/portal", arg)}
	}
	slices.SortFunc(matches, compareKeys)
	return client.ObjectKey{}, exitError{exitFailed, fmt.Sprintf("%q is more than one portal (%s, %s, …): name it as agency/portal", arg, matches[0], matches[1])}
}

func compareKeys(a, b client.ObjectKey) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

func (c *platformState) portal(key client.ObjectKey) *v1alpha1.AgencyPortal {
	for i := range c.portals.Items {
		if client.ObjectKeyFromObject(&c.portals.Items[i]) == key {
			return &c.portals.Items[i]
		}
	}
	return nil
}

// podsOf are the live pods of a portal.
func (c *platformState) podsOf(key client.ObjectKey) []reach.Endpoint {
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
func (c *platformState) reach(ctx context.Context, from, to client.ObjectKey, port int32, now time.Time) (ReachAnswer, error) {
	if port == 0 {
		port = c.portal(to).Spec.Port
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
	links, err := c.linksBetween(ctx, from, to, now)
	a.Links = append(a.Links, links...)
	return a, err
}

func otherThan(endpoints []reach.Endpoint, not reach.Endpoint) reach.Endpoint {
	for _, e := range endpoints {
		if e != not {
			return e
		}
	}
	return endpoints[0]
}

// linksBetween says what the links and references from one portal to the other
// come to.
func (c *platformState) linksBetween(ctx context.Context, from, to client.ObjectKey, now time.Time) ([]string, error) {
	var out []string
	for i := range c.links.Items {
		l := &c.links.Items[i]
		if l.Namespace != from.Namespace || string(l.Spec.Consumer.PortalRef.Name) != from.Name {
			continue
		}
		in, err := gather.DataSharingLink(ctx, c.store, c.settings, now, l)
		if err != nil {
			return nil, err
		}
		toProvider := in.Provider.Portal != nil && client.ObjectKeyFromObject(in.Provider.Portal) == to
		overIt := in.Via.Portal != nil && client.ObjectKeyFromObject(in.Via.Portal) == to
		if toProvider || overIt {
			out = append(out, c.describeLink(in, overIt && !toProvider))
		}
	}
	for i := range c.platforms.Items {
		p := &c.platforms.Items[i]
		e := p.Spec.Endpoint.Portal
		if e == nil || names.Namespace(string(e.Agency)) != to.Namespace || string(e.Name) != to.Name {
			continue
		}
		if slices.ContainsFunc(c.portal(from).Spec.PlatformRefs, func(r v1alpha1.PlatformReference) bool { return string(r.Name) == p.Name }) {
			out = append(out, fmt.Sprintf("%s references SharedPlatform %s in spec.platformRefs", from, p.Name))
		} else if len(p.Spec.Agencies) == 0 {
			out = append(out, fmt.Sprintf("%s is SharedPlatform %s: %s reaches it with that name in spec.platformRefs", to, p.Name, from))
		}
	}
	if len(out) == 0 && from.Namespace != to.Namespace {
		out = append(out, fmt.Sprintf("no DataSharingLink of %s asks for a service of %s, and no SharedPlatform of it is referenced", from, to))
	}
	slices.Sort(out)
	return out, nil
}

// describeLink says in one sentence what a link lets pass, or what it lacks.
func (c *platformState) describeLink(in desired.LinkInput, isPlatform bool) string {
	l := in.Link
	name := fmt.Sprintf("DataSharingLink %s/%s", l.Namespace, l.Name)
	missing := []string{}
	for _, t := range []string{v1alpha1.ConditionReferencesResolved, v1alpha1.ConditionWithinValidity, v1alpha1.ConditionProviderApproved, v1alpha1.ConditionAuthorityApproved, v1alpha1.ConditionPolicyPaired} {
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
func (c *platformState) offlinePhase(in desired.LinkInput) (phase string, missing []string) {
	out := desired.DataSharingLink(in)
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
		return "Open", nil
	case !out.Provider.Approved:
		missing = append(missing, fmt.Sprintf("the provider %q must approve it.", in.Link.Spec.Provider.Agency))
	}
	if out.AuthorityRequired && !out.Authority.Approved {
		missing = append(missing, fmt.Sprintf("the authority %q must approve it.", c.settings.AuthorityAgency))
	}
	return "Requested", append(missing, "Approvals are bound to identities that the API server gives out; with --assume-approved offline answers take them as given.")
}

// AgencyMatrix is the table of who reaches whom among agencies.
type AgencyMatrix struct {
	Agencies []string     `json:"agencies"`
	Cells    []MatrixCell `json:"open"`
	// Ports is how many ports stand for all.
	Ports int `json:"portsTried"`
}

// MatrixCell is what one agency's portals reach of another's.
type MatrixCell struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Ports []string `json:"ports"`
	// Portals are the pairs of portals between which a port is open, sorted.
	Portals []string `json:"portals"`
}

// matrix looks at every pair of portals on every port that any policy tells apart.
func (c *platformState) matrix() AgencyMatrix {
	e := reach.New(c.snapshot())
	var groups []reach.Group
	var keys []client.ObjectKey
	for i := range c.portals.Items {
		key := client.ObjectKeyFromObject(&c.portals.Items[i])
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareKeys)
	for _, key := range keys {
		groups = append(groups, reach.Group{Name: key.String(), Endpoints: c.podsOf(key)})
	}
	m := e.Matrix(groups, e.RepresentativePorts())
	out := AgencyMatrix{Cells: []MatrixCell{}, Agencies: []string{}, Ports: len(m.Ports)}
	cells := map[[2]string]*MatrixCell{}
	for i, from := range keys {
		for j, to := range keys {
			cell := m.Cell(i, j)
			if !cell.Open() {
				continue
			}
			a, b := agencyOf(from.Namespace), agencyOf(to.Namespace)
			if cells[[2]string{a, b}] == nil {
				cells[[2]string{a, b}] = &MatrixCell{From: a, To: b}
			}
			k := cells[[2]string{a, b}]
			k.Portals = append(k.Portals, from.Name+" → "+to.Name)
			for _, p := range cell.OpenPorts {
				k.Ports = append(k.Ports, p.String())
			}
		}
	}
	for _, key := range keys {
		out.Agencies = append(out.Agencies, agencyOf(key.Namespace))
	}
	slices.Sort(out.Agencies)
	out.Agencies = slices.Compact(out.Agencies)
	for _, k := range cells {
		slices.Sort(k.Ports)
		k.Ports = slices.Compact(k.Ports)
		out.Cells = append(out.Cells, *k)
	}
	slices.SortFunc(out.Cells, func(a, b MatrixCell) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	return out
}

func agencyOf(namespace string) string {
	if agency, ok := names.AgencyOf(namespace); ok {
		return agency
	}
	return namespace
}

// Print writes the matrix: rows reach columns. A cell holds the number of pairs
// of portals between which something is open.
func (m AgencyMatrix) Print(w io.Writer, color bool) error {
	t := table{header: []string{"FROM \\ TO"}}
	for i := range m.Agencies {
		t.header = append(t.header, strconv.Itoa(i+1))
	}
	for i, from := range m.Agencies {
		row := []cell{text(fmt.Sprintf("%2d %s", i+1, from))}
		for _, to := range m.Agencies {
			k := slices.IndexFunc(m.Cells, func(c MatrixCell) bool { return c.From == from && c.To == to })
			if k < 0 {
				row = append(row, text("·"))
				continue
			}
			row = append(row, cell{text: strconv.Itoa(len(m.Cells[k].Portals)), tone: good})
		}
		t.add(row...)
	}
	if err := t.write(w, color); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, c := range m.Cells {
		fmt.Fprintf(w, "%s → %s: %s (%s)\n", c.From, c.To, strings.Join(c.Portals, ", "), strings.Join(c.Ports, ", "))
	}
	_, err := fmt.Fprintf(w, "Everything else is shut: %d of %d pairs of agencies, on every port (%d stand for all).\n",
		len(m.Agencies)*len(m.Agencies)-len(m.Cells), len(m.Agencies)*len(m.Agencies), m.Ports)
	return err
}

func newReachCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var paths []string
	var output, settingsFile string
	var port int32
	var matrix, assume bool
	command := &cobra.Command{
		Use:   "reach PORTAL-A PORTAL-B",
		Short: "Say whether one portal reaches another, and which policy or missing approval decides",
		Long: `Reach says whether portal A may open a connection to portal B, from the network policies of the cluster or, with -f, from what
local YAML would become. Portals are named as agency/portal. It ends with 0 when it is open, 1 when it is shut, 2 on an error.`,
		Example: `  kubectl gov reach finance/tax-filing public-security/population-db
  kubectl gov reach finance/tax-filing mic/ndxp --port 8443

  # every agency against every other
  kubectl gov reach --matrix

  # before anything is applied
  kubectl gov reach -f config/samples/national --assume-approved --matrix`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case matrix && len(args) != 0:
				return exitError{exitFailed, "--matrix takes no portals: it shows all"}
			case !matrix && len(args) != 2:
				return exitError{exitFailed, "name two portals, such as finance/tax-filing public-security/population-db, or use --matrix"}
			case output != "" && output != "json":
				return exitError{exitFailed, fmt.Sprintf("-o %s is not known: use json, or leave it out", output)}
			case port < 0 || port > 65535:
				return exitError{exitFailed, "--port must be 1 to 65535"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			c, err := loadCountry(cmd.Context(), streams, flags, paths, settingsFile, assume, now)
			if err != nil {
				return asFailure(err)
			}
			if matrix {
				if err := c.needsAll("the matrix"); err != nil {
					return err
				}
				return asFailure(printResult(streams, output, c.matrix()))
			}
			namespace, err := namespaceOf(flags, false)
			if err != nil && len(paths) == 0 {
				return asFailure(err)
			}
			answer, err := c.ask(cmd.Context(), flags, namespace, args, port, now)
			if err != nil {
				return asFailure(err)
			}
			if err := printResult(streams, output, answer); err != nil {
				return asFailure(err)
			}
			if !answer.Open {
				return exitError{code: exitShut}
			}
			return nil
		},
	}
	command.Flags().Int32Var(&port, "port", 0, "the TCP port; that of the second portal without it")
	command.Flags().BoolVar(&matrix, "matrix", false, "show which agency reaches which")
	command.Flags().StringSliceVarP(&paths, "filename", "f", nil, "answer offline, from these files, folders, or - for standard input")
	command.Flags().BoolVar(&assume, "assume-approved", false, "with -f: take every link as approved by all sides")
	command.Flags().StringVarP(&output, "output", "o", "", "json; text without it")
	command.Flags().StringVar(&settingsFile, "settings", "", "the operator's settings; those of the cluster, or with -f the shipped ones, without it")
	flags.AddFlags(command.Flags())
	return command
}

// ask finds the two portals and what the user may read of their namespaces.
func (c *platformState) ask(ctx context.Context, flags *genericclioptions.ConfigFlags, namespace string, args []string, port int32, now time.Time) (ReachAnswer, error) {
	if len(c.unreadable) > 0 {
		if err := c.readParts(ctx, flags, args); err != nil {
			return ReachAnswer{}, err
		}
	}
	from, err := c.portalKey(namespace, args[0])
	if err != nil {
		return ReachAnswer{}, err
	}
	to, err := c.portalKey(namespace, args[1])
	if err != nil {
		return ReachAnswer{}, err
	}
	return c.reach(ctx, from, to, port, now)
}

// readParts reads only the namespaces of the two portals, for a user who may
// not read them all.
func (c *platformState) readParts(ctx context.Context, flags *genericclioptions.ConfigFlags, args []string) error {
	reader, err := newReader(flags)
	if err != nil {
		return err
	}
	missing := slices.Clone(c.unreadable)
	done := map[string]bool{}
	for _, arg := range args {
		where, _, ok := strings.Cut(arg, "/")
		if !ok {
			return exitError{exitFailed, fmt.Sprintf("you may not read every namespace, so name %q as agency/portal", arg)}
		}
		if _, isNamespace := names.AgencyOf(where); !isNamespace {
			where = names.Namespace(where)
		}
		if done[where] {
			continue
		}
		done[where] = true
		c.namespaces.Items = append(c.namespaces.Items, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: where}})
		for _, kind := range missing {
			if err := c.readPart(ctx, reader, kind, where); err != nil {
				return err
			}
		}
	}
	return c.index(ctx)
}

func (c *platformState) readPart(ctx context.Context, reader client.Reader, kind, namespace string) error {
	var err error
	in := client.InNamespace(namespace)
	switch kind {
	case "pods":
		var l corev1.PodList
		err = reader.List(ctx, &l, in)
		c.pods.Items = append(c.pods.Items, l.Items...)
	case "networkpolicies":
		var l networkingv1.NetworkPolicyList
		err = reader.List(ctx, &l, in)
		c.network.Items = append(c.network.Items, l.Items...)
	case "agencyportals":
		var l v1alpha1.AgencyPortalList
		err = reader.List(ctx, &l, in)
		c.portals.Items = append(c.portals.Items, l.Items...)
	case "datasharinglinks":
		var l v1alpha1.DataSharingLinkList
		if err = reader.List(ctx, &l, in); apierrors.IsForbidden(err) {
			err = nil
		}
		c.links.Items = append(c.links.Items, l.Items...)
	}
	if apierrors.IsForbidden(err) {
		return exitError{exitFailed, fmt.Sprintf("you may not read %s in %s, so the answer would be a guess: ask somebody who may, such as the platform team; kubectl gov status shows your own links", kind, namespace)}
	}
	return err
}

func loadCountry(ctx context.Context, streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags, paths []string, settingsFile string, assume bool, now time.Time) (*platformState, error) {
	if len(paths) > 0 {
		s, err := readSettings(settingsFile)
		if err != nil {
			return nil, err
		}
		return offlineCountry(ctx, streams, paths, s, assume, now)
	}
	if assume {
		return nil, exitError{exitFailed, "--assume-approved is for files (-f): the cluster's approvals are what they are"}
	}
	reader, err := newReader(flags)
	if err != nil {
		return nil, err
	}
	return liveCountry(ctx, reader, settingsFile)
}

func liveCountry(ctx context.Context, reader client.Reader, settingsFile string) (*platformState, error) {
	s, err := liveSettings(ctx, reader, settingsFile)
	if err != nil {
		return nil, err
	}
	return readCountry(ctx, reader, s)
}

// offlineCountry is what the operator would make of local files, with a pod for
// every Deployment.
func offlineCountry(ctx context.Context, streams genericiooptions.IOStreams, paths []string, s settings.Settings, assume bool, now time.Time) (*platformState, error) {
	r, c, err := renderCountry(ctx, streams.In, RenderInput{Paths: paths, Settings: s, AssumeApproved: assume, Now: now})
	if err != nil {
		return nil, err
	}
	for _, refusal := range r.Refusals {
		fmt.Fprintln(streams.ErrOut, "refused: "+refusal)
	}
	if c == nil {
		return nil, errRefused
	}
	return c, nil
}

// asFailure gives an error without a code of its own that of a failure.
func asFailure(err error) error {
	if err == nil {
		return nil
	}
	if ExitCode(err) != 1 {
		return err
	}
	return exitError{exitFailed, err.Error()}
}

func printResult(streams genericiooptions.IOStreams, output string, result any) error {
	if output == "json" {
		data, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(streams.Out, string(data))
		return err
	}
	switch r := result.(type) {
	case AgencyMatrix:
		return r.Print(streams.Out, ColorWanted(streams.Out))
	case ReachAnswer:
		r.Print(streams.Out)
	}
	return nil
}
