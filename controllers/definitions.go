package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/internal/skew"
)

// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch,resourceNames=agencies.platform.gov.vn;agencyportals.platform.gov.vn;dataservices.platform.gov.vn;datasharinglinks.platform.gov.vn;datasharingapprovals.platform.gov.vn;securitypolicies.platform.gov.vn;sharedplatforms.platform.gov.vn

// definitions knows how the served definitions of the platform differ from
// those that the operator was built with.
type definitions struct {
	client apiextensions.CustomResourceDefinitionInterface
	built  map[string]*apiextensionsv1.CustomResourceDefinition
	// watched has one informer per definition; they run from Start on.
	watched map[string]toolscache.SharedIndexInformer
	// failed gets the first reason for which the operator can't go on.
	failed chan error

	mu       sync.Mutex
	findings map[string]skew.Finding
}

func newDefinitions(mgr ctrl.Manager) (*definitions, error) {
	c, err := apiextensions.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("create client for definitions: %w", err)
	}
	built, err := skew.Embedded()
	if err != nil {
		return nil, err
	}
	d := &definitions{client: c.CustomResourceDefinitions(), built: built, failed: make(chan error, 1), findings: map[string]skew.Finding{}}
	d.watched = d.informers()
	return d, nil
}

// check reads all served definitions and returns an error about those that are
// absent or older. Each read is persisted in.
func (d *definitions) check(ctx context.Context, persist func(ctx context.Context, step string, attempt func(context.Context) error) error) error {
	var findings []skew.Finding
	for _, name := range slices.Sorted(maps.Keys(d.built)) {
		var served *apiextensionsv1.CustomResourceDefinition
		err := persist(ctx, "read CustomResourceDefinition "+name, func(ctx context.Context) (err error) {
			served, err = d.client.Get(ctx, name, metav1.GetOptions{})
			return err
		})
		if apierrors.IsNotFound(err) {
			served = nil
		} else if err != nil {
			return fmt.Errorf("read CustomResourceDefinition %s: %w", name, err)
		}
		findings = append(findings, d.note(name, served))
	}
	return skew.Error(findings)
}

// note remembers how a served definition differs, and logs it when it is news.
func (d *definitions) note(name string, served *apiextensionsv1.CustomResourceDefinition) skew.Finding {
	f := skew.Compare(d.built[name], served)
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, known := d.findings[name]; len(f.Extra) > 0 && !f.Older() && (!known || last.String() != f.String()) {
		ctrl.Log.WithName("govplatform").Info("A definition was newer than the operator; fields that the operator does not know stay stored", "definition", name, "finding", f.String())
	}
	d.findings[name] = f
	return f
}

// counts returns by kind how many fields the served definition lacks ("older")
// and has beyond those that the operator knows ("newer").
func (d *definitions) counts() map[string]map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]map[string]int{}
	for _, f := range d.findings {
		out[f.Kind] = map[string]int{"older": len(f.Missing), "newer": len(f.Extra)}
	}
	return out
}

// look judges a definition that was changed or deleted while the operator runs.
func (d *definitions) look(name string, served *apiextensionsv1.CustomResourceDefinition) {
	if err := skew.Error([]skew.Finding{d.note(name, served)}); err != nil {
		select {
		case d.failed <- err:
		default: // One reason is enough to end.
		}
	}
}

// informers returns one informer per definition: the right to watch is bounded
// by names, which Kubernetes grants to a watch of a single name only.
func (d *definitions) informers() map[string]toolscache.SharedIndexInformer {
	out := map[string]toolscache.SharedIndexInformer{}
	for name := range d.built {
		only := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		i := toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				o.FieldSelector = only
				return d.client.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				o.FieldSelector = only
				return d.client.Watch(ctx, o)
			},
		}, &apiextensionsv1.CustomResourceDefinition{}, 0, nil)
		// A definition is judged before it gets into the cache, which keeps its name only.
		_ = i.SetTransform(d.judged)
		_, _ = i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(any) { d.look(name, nil) }})
		out[name] = i
	}
	return out
}

// judged looks at a definition that comes from the API server and drops what
// the cache has no use for. It may see what it made itself.
func (d *definitions) judged(o any) (any, error) {
	crd, ok := o.(*apiextensionsv1.CustomResourceDefinition)
	if !ok || len(crd.Spec.Versions) == 0 {
		return o, nil
	}
	d.look(crd.Name, crd)
	kept := &apiextensionsv1.CustomResourceDefinition{}
	kept.Name, kept.UID, kept.ResourceVersion = crd.Name, crd.UID, crd.ResourceVersion
	return kept, nil
}
