package view

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// renderedUID stands where the API server would put the owner's UID.
const renderedUID types.UID = "rendered-offline"

// RenderInput is what is rendered and with which settings.
type RenderInput struct {
	Paths    []string
	Settings settings.Settings
	// AssumeApproved takes every link as approved by all sides.
	AssumeApproved bool
	// Now is the time at which links are looked at; the present when zero.
	Now time.Time
}

// Rendering is what the operator would make of local files.
type Rendering struct {
	// Objects in the order in which they could be applied.
	Objects []*unstructured.Unstructured
	// Refusals are why something would not run or not be accepted.
	Refusals []string
	// Notes are findings that block nothing, and what could not be checked offline.
	Notes []string
}

// Render reads local YAML and returns the objects that the operator would make
// of it. It asks no cluster: agencies and standards are those of the files. An
// error means that the files are no input at all; what the API server or the
// operator would refuse is in the rendering.
func Render(ctx context.Context, in io.Reader, input RenderInput) (Rendering, error) {
	r, _, err := RenderState(ctx, in, input)
	return r, err
}

// RenderState renders, and also returns what that means for the network; nil when
// the files are refused as they stand.
func RenderState(ctx context.Context, in io.Reader, input RenderInput) (Rendering, *State, error) {
	if input.Now.IsZero() {
		input.Now = time.Now()
	}
	docs, skipped, err := load(in, input.Paths)
	if err != nil {
		return Rendering{}, nil, err
	}
	var r Rendering
	for _, s := range skipped {
		r.note("%s", s)
	}
	if len(docs) == 0 {
		return Rendering{}, nil, fmt.Errorf("no object of %s in %s: name files with agencies, portals or policies", v1alpha1.GroupVersion.Group, strings.Join(input.Paths, ", "))
	}
	set, err := admitAll(ctx, docs, &r)
	if err != nil {
		return Rendering{}, nil, err
	}
	if len(r.Refusals) > 0 {
		// What the API server refuses never reaches the operator.
		return r, nil, nil
	}
	c, err := set.renderAll(ctx, input, &r)
	if err != nil {
		return Rendering{}, nil, err
	}
	return r, c, nil
}

func (r *Rendering) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Rendering) refuse(format string, args ...any) {
	r.Refusals = append(r.Refusals, fmt.Sprintf(format, args...))
}

// localSet is the content of the files.
type localSet struct {
	agencies []*v1alpha1.Agency
	policies []v1alpha1.SecurityPolicy
	portals  []*v1alpha1.AgencyPortal
	sharing  sharingSet
	sources  map[string]string
}

func admitAll(ctx context.Context, docs []document, r *Rendering) (*localSet, error) {
	schemas, err := loadSchemas()
	if err != nil {
		return nil, fmt.Errorf("load the shipped CRDs: %w", err)
	}
	set := &localSet{sources: map[string]string{}}
	for _, d := range docs {
		row, err := d.row()
		if err != nil {
			r.refuse("%v", err)
			continue
		}
		problems := schemas[row.Kind].admit(ctx, d.object)
		for _, p := range problems {
			r.refuse("%s: %s: %s", d.source, d.name(), p)
		}
		if len(problems) > 0 {
			continue
		}
		if err := set.add(d, row.New()); err != nil {
			r.refuse("%s: %s: %v", d.source, d.name(), err)
		}
	}
	return set, nil
}

// add takes a document in as an object of its kind.
func (s *localSet) add(d document, o kinds.Object) error {
	d.object.SetUID(renderedUID)
	s.sources[d.name()] = d.source
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(d.object.Object, o); err != nil {
		return err
	}
	switch o := o.(type) {
	case *v1alpha1.Agency:
		s.agencies = append(s.agencies, o)
	case *v1alpha1.SecurityPolicy:
		// What it would be, once accepted.
		o.Status.InForce, o.Status.Impact = o.Spec.DeepCopy(), nil
		s.policies = append(s.policies, *o)
	case *v1alpha1.AgencyPortal:
		s.portals = append(s.portals, o)
	case *v1alpha1.SharedPlatform:
		s.sharing.platforms = append(s.sharing.platforms, o)
	case *v1alpha1.DataService:
		s.sharing.services = append(s.sharing.services, o)
	case *v1alpha1.DataSharingLink:
		s.sharing.links = append(s.sharing.links, o)
	case *v1alpha1.DataSharingApproval:
		s.sharing.approvals = append(s.sharing.approvals, o)
	default:
		return fmt.Errorf("kind: what becomes of a %s is not known offline; leave it out", d.object.GetKind())
	}
	return nil
}

func (s *localSet) where(kind string, o metav1.Object) string {
	name := ObjectName(o)
	return s.sources[kind+" "+name] + ": " + kind + " " + name
}

func (s *localSet) renderAll(ctx context.Context, input RenderInput, r *Rendering) (*State, error) {
	config := input.Settings
	var objects []object.Object
	for i := range s.policies {
		objects = append(objects, securitypolicy.Decide(securitypolicy.Input{Policy: &s.policies[i]}).Objects...)
	}
	for _, a := range s.agencies {
		objects = append(objects, s.renderAgency(config, a, r)...)
	}
	if len(s.policies) == 0 && len(s.portals) > 0 {
		r.note("no SecurityPolicy is among the files, so no standard was checked; add the authority's with another -f")
	}
	c, err := s.country(ctx, input)
	if err != nil {
		return nil, err
	}
	for _, p := range s.portals {
		rendered, err := s.renderPortal(ctx, c, p, r)
		if err != nil {
			return nil, err
		}
		objects = append(objects, rendered...)
	}
	shared, err := s.renderSharing(ctx, c, input, r)
	if err != nil {
		return nil, err
	}
	objects = append(objects, shared...)
	for _, o := range objects {
		u, err := plainObject(o)
		if err != nil {
			return nil, err
		}
		r.Objects = append(r.Objects, u)
	}
	slices.SortStableFunc(r.Objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(
			cmp.Compare(rank(a.GetKind()), rank(b.GetKind())),
			strings.Compare(a.GetKind(), b.GetKind()),
			strings.Compare(a.GetNamespace(), b.GetNamespace()),
			strings.Compare(a.GetName(), b.GetName()))
	})
	return c, c.observe(ctx, objects)
}

func (s *localSet) renderAgency(config settings.Settings, a *v1alpha1.Agency, r *Rendering) []object.Object {
	where := s.where(v1alpha1.KindAgency, a)
	in := agency.Input{Settings: config, Agency: a, Counts: true, Administered: true}
	for _, p := range s.portals {
		if p.Namespace == names.Namespace(a.Name) {
			in.Portals = append(in.Portals, p.Name)
		}
	}
	slices.Sort(in.Portals)
	for _, other := range s.agencies {
		if other != a && other.Spec.Code == a.Spec.Code {
			r.refuse("%s: spec.code: %q is also the code of Agency %s; the older of the two keeps it, so give the other its own code", where, a.Spec.Code, other.Name)
		}
	}
	if ref := a.Spec.ParentRef; ref != nil {
		in.Parent = s.agency(string(ref.Name))
		if in.Parent == nil {
			r.note("%s: spec.parentRef.name: Agency %q is not among the files; taken as existing with the right code", where, ref.Name)
			code, _, _ := cutLast(a.Spec.Code, ".")
			in.Parent = &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: string(ref.Name)}, Spec: v1alpha1.AgencySpec{Code: code}}
		}
	}
	out := agency.Decide(in)
	for _, b := range []*object.Blocker{out.Parent, out.Code} {
		if b != nil {
			r.block(where, *b)
		}
	}
	// The operator records it, and who reads the agency's links follows the record.
	a.Status.Rights = &out.Rights.Record
	return out.Objects
}

func (s *localSet) renderPortal(ctx context.Context, c *State, p *v1alpha1.AgencyPortal, r *Rendering) ([]object.Object, error) {
	where := s.where(v1alpha1.KindAgencyPortal, p)
	in, err := s.portalInput(ctx, c, p)
	if err != nil {
		return nil, err
	}
	if name, ok := names.AgencyOf(p.Namespace); ok && s.agency(name) == nil {
		r.note("%s: metadata.namespace: Agency %q is not among the files; taken as existing with every host name delegated to it", where, name)
	}
	for _, other := range s.portals {
		if other == p {
			continue
		}
		for _, h := range p.Spec.Hostnames {
			if slices.Contains(other.Spec.Hostnames, h) {
				r.refuse("%s: spec.hostnames: %q is also a host name of %s/%s; the older of the two keeps it, so give the other its own", where, h, other.Namespace, other.Name)
			}
		}
		if other.Namespace == p.Namespace && isOneStop(p) && isOneStop(other) {
			r.refuse("%s: spec.components: %s has the component OneStop as well; an agency has one one-stop system, so merge the two", where, other.Name)
		}
	}
	out := portal.Decide(in)
	for _, f := range out.Findings {
		if f.Mode == v1alpha1.ModeAudit {
			r.note("%s: policy %s (audited), control %s: found %s, wanted %s", where, f.Policy, f.Control, f.Found, f.Wanted)
		}
	}
	for _, b := range slices.Concat(out.Blockers, out.Exposure, out.Platforms) {
		r.block(where, b)
	}
	return out.Objects, nil
}

func isOneStop(p *v1alpha1.AgencyPortal) bool {
	return slices.Contains(p.Spec.Components, v1alpha1.ComponentOneStop)
}

// block reports what stops the operator: what only a change can lift refuses
// the files, what an event lifts is a note.
func (r *Rendering) block(where string, b object.Blocker) {
	if b.Class == object.Terminal || b.Reason == v1alpha1.ReasonAgencyNotFound {
		r.refuse("%s: %s: %s", where, b.Reason, b.Message)
		return
	}
	r.note("%s: %s: %s", where, b.Reason, b.Message)
}

func (s *localSet) agency(name string) *v1alpha1.Agency {
	for _, a := range s.agencies {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// cutLast cuts s at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// rank orders kinds so that what guards comes before what it guards.
func rank(kind string) int {
	order := []string{"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "NetworkPolicy",
		"ResourceQuota", "LimitRange", "Role", "RoleBinding", "ServiceAccount", "PodDisruptionBudget", "Service", "Deployment", "HorizontalPodAutoscaler"}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// plainObject drops what is no part of an object's desired state.
func plainObject(o object.Object) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("print %s: %w", o.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: fields}
	unstructured.RemoveNestedField(fields, "status")
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(fields, "spec", "template", "metadata", "creationTimestamp")
	return u, nil
}
