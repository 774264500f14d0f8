// Package harness runs the operator in the test's process against a real
// control plane, as its own ServiceAccount with exactly the rights that
// config/default ships, and counts its requests at the transport.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/govplatform/govplatform/controllers"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/sample"
)

// Where config/default puts the operator.
const (
	OperatorNamespace      = "govplatform-system"
	OperatorServiceAccount = "govplatform-controller-manager"
)

// Env is one control plane with the platform installed.
type Env struct {
	ControlPlane *controlplane.ControlPlane
	// Admin may do everything (system:masters).
	Admin client.Client
	// authority may do everything as well, under another name.
	authority client.Client
}

// Start starts a control plane and installs CRDs, RBAC and admission policies,
// which are in force when it returns.
func Start(ctx context.Context, o controlplane.Options) (*Env, error) {
	o.Prepare = definitions
	e, err := Bare(ctx, o)
	if err != nil {
		return nil, err
	}
	_, err = e.installFolders(ctx, "config/default")
	if err == nil {
		err = e.ControlPlane.WaitAdmission(ctx)
	}
	if err == nil && o.ControllerManager {
		err = e.counted(ctx)
	}
	if err != nil {
		_ = e.ControlPlane.Stop()
		return nil, err
	}
	return e, nil
}

// Bare starts a control plane without the platform, for tests that install another version first.
func Bare(ctx context.Context, o controlplane.Options) (*Env, error) {
	cp, err := controlplane.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	e := &Env{ControlPlane: cp}
	if e.Admin, err = NewClient(cp.AdminConfig()); err == nil {
		e.authority, err = userClient(cp, AuthorityUser)
	}
	if err == nil && o.ControllerManager {
		// It ends with the test's process.
		err = sample.Metrics(context.Background(), e.Admin)
	}
	if err != nil {
		_ = cp.Stop()
		return nil, err
	}
	return e, nil
}

// definitions installs the CRDs before the controllers of Kubernetes start, which
// otherwise count the platform's kinds only half a minute later.
func definitions(ctx context.Context, admin *rest.Config) error {
	c, err := NewClient(admin)
	if err != nil {
		return err
	}
	objects, err := (&Env{Admin: c}).installFolders(ctx, "config/crd")
	if err != nil {
		return err
	}
	found, err := discovery.NewDiscoveryClientForConfig(admin)
	if err != nil {
		return fmt.Errorf("create discovery client: %w", err)
	}
	for {
		missing, err := undiscovered(found, objects)
		if err == nil && missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the API server to list %s: %w", missing, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// undiscovered names a resource of the CRDs among objects that the API server
// does not list yet, where the controllers of Kubernetes look.
func undiscovered(found discovery.DiscoveryInterface, objects []*unstructured.Unstructured) (string, error) {
	_, lists, err := found.ServerGroupsAndResources()
	if err != nil {
		return "", fmt.Errorf("discover resources: %w", err)
	}
	listed := map[string]bool{}
	for _, l := range lists {
		group, _, _ := strings.Cut(l.GroupVersion, "/")
		for _, r := range l.APIResources {
			listed[r.Name+"."+group] = true
		}
	}
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" && !listed[o.GetName()] {
			return o.GetName(), nil
		}
	}
	return "", nil
}

// counted waits until Kubernetes counts the platform's kinds: agencies get their
// bounds then, and a test that compares before and after must not see that.
func (e *Env) counted(ctx context.Context) error {
	for {
		var canaries corev1.ResourceQuotaList
		if err := e.Admin.List(ctx, &canaries, client.HasLabels{names.LabelQuotaCanary}); err != nil {
			return fmt.Errorf("list quota canaries: %w", err)
		}
		if len(canaries.Items) == 1 && agency.Counted(&canaries.Items[0]) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Kubernetes to count the platform's kinds: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func userClient(cp *controlplane.ControlPlane, user string) (client.Client, error) {
	cfg, err := cp.UserConfig(user, "system:masters")
	if err != nil {
		return nil, err
	}
	return NewClient(cfg)
}

// NewClient returns a client without a cache that knows all kinds.
func NewClient(cfg *rest.Config) (client.Client, error) {
	s, err := controllers.NewScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg, client.Options{Scheme: s})
	if err != nil {
		return nil, fmt.Errorf("create client: %w", err)
	}
	return c, nil
}

// Root returns the folder of the repository: the nearest one above the test that
// has the operator's configuration. The path of this file would not do, since
// -trimpath takes it away.
func Root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for next := dir; ; next = filepath.Dir(next) {
		if _, err := os.Stat(filepath.Join(next, "config", "default", "kustomization.yaml")); err == nil {
			return next
		}
		if next == filepath.Dir(next) {
			return dir
		}
	}
}

// Render returns the objects of a kustomization folder of the repository.
func Render(folder string) ([]*unstructured.Unstructured, error) {
	return sample.Render(filepath.Join(Root(), folder))
}

// Install applies config/crd and config/default but for the Deployment: the
// operator runs in the test's process.
func (e *Env) Install(ctx context.Context) error {
	_, err := e.installFolders(ctx, "config/crd", "config/default")
	return err
}

// installFolders applies the objects of some folders, and returns them, in as many
// passes as they need of each other.
func (e *Env) installFolders(ctx context.Context, folders ...string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, f := range folders {
		o, err := Render(f)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o...)
	}
	for pass, pending := 0, objects; len(pending) > 0; pass++ {
		var again []*unstructured.Unstructured
		for _, o := range pending {
			if o.GetKind() == "Deployment" {
				continue
			}
			err := e.Admin.Patch(ctx, o.DeepCopy(), client.Apply, client.FieldOwner("install"), client.ForceOwnership) //nolint:staticcheck // unstructured objects of any kind
			switch {
			case err == nil:
			case pass < 50 && (apierrors.IsNotFound(err) || apierrors.IsConflict(err) || isNoMatch(err)):
				again = append(again, o)
			default:
				return nil, fmt.Errorf("install %s %s: %w", o.GetKind(), o.GetName(), err)
			}
		}
		pending = again
		if len(pending) > 0 {
			time.Sleep(100 * time.Millisecond)
		}
	}
	return objects, nil
}

// Operator is one running operator.
type Operator struct {
	// Requests of this operator since it started.
	Requests *Counter
	// Manager of the operator.
	Manager *controllers.Operator
	cancel  context.CancelFunc
	done    chan struct{}
	err     error
}

// OperatorOptions of StartOperator.
type OperatorOptions struct {
	// Transport wraps the operator's transport, to inject faults.
	Transport func(next Transport) Transport
	// Settings of the installation; the shipped ones when nil.
	Settings *settings.Settings
	// Now is the operator's clock; the real one when nil.
	Now func() time.Time
	// LeaderElection runs it as one of several replicas.
	LeaderElection bool
	// StartTimeout bounds the start; the operator's own bound when 0.
	StartTimeout time.Duration
	// ServiceAccount that it runs as; that of config/default when empty.
	ServiceAccount types.NamespacedName
	// Started gets the operator when its start begins; may be nil.
	Started func(*Operator)
}

// StartOperator runs the operator as its ServiceAccount until Stop.
func (e *Env) StartOperator(ctx context.Context, o OperatorOptions) (*Operator, error) {
	if o.ServiceAccount.Name == "" {
		o.ServiceAccount = types.NamespacedName{Namespace: OperatorNamespace, Name: OperatorServiceAccount}
	}
	cfg, err := e.ControlPlane.ServiceAccountConfig(ctx, o.ServiceAccount.Namespace, o.ServiceAccount.Name)
	if err != nil {
		return nil, fmt.Errorf("get the operator's token: %w", err)
	}
	op := &Operator{Requests: NewCounter(), done: make(chan struct{})}
	cfg.Wrap(op.Requests.Wrap)
	if o.Transport != nil {
		cfg.Wrap(o.Transport)
	}
	skip := true
	op.Manager, err = controllers.NewManager(ctx, cfg, ctrl.Options{
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		Controller:              config.Controller{SkipNameValidation: &skip},
		LeaderElection:          o.LeaderElection,
		LeaderElectionID:        "operator.platform.gov.vn",
		LeaderElectionNamespace: OperatorNamespace,
	}, o.StartTimeout)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := settings.Default()
	if o.Settings != nil {
		s = *o.Settings
	}
	runCtx, cancel := context.WithCancel(context.Background())
	op.cancel = cancel
	if err := controllers.SetupAll(runCtx, op.Manager, s, o.Now); err != nil {
		cancel()
		return nil, err
	}
	if o.Started != nil {
		o.Started(op)
	}
	go func() {
		defer close(op.done)
		op.err = op.Manager.Start(runCtx)
	}()
	// A start that fails ends the wait too.
	ctx, stopWaiting := context.WithCancel(ctx)
	defer stopWaiting()
	go func() { <-op.done; stopWaiting() }()
	if !op.Manager.GetCache().WaitForCacheSync(ctx) {
		cancel()
		<-op.done
		return nil, fmt.Errorf("the operator's cache did not sync: %w", op.err)
	}
	return op, nil
}

// Done is closed when the operator has ended.
func (o *Operator) Done() <-chan struct{} { return o.done }

// Stop stops the operator and returns what its manager returned; it may be
// called again.
func (o *Operator) Stop() error {
	o.cancel()
	<-o.done
	return o.err
}

// Main runs the tests of a package against one control plane. The variable gets
// the environment before the first test runs.
func Main(m *testing.M, env **Env, o controlplane.Options) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(func() int {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		e, err := Start(ctx, o)
		cancel()
		if err != nil {
			fmt.Fprintln(os.Stderr, "start the control plane:", err)
			return 1
		}
		defer func() { _ = e.ControlPlane.Stop() }()
		*env = e
		return m.Run()
	}())
}
