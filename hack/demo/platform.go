package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/sample"
)

// Names of the installation in config/default.
const (
	operatorNamespace      = "govplatform-system"
	operatorServiceAccount = "govplatform-controller-manager"
	configMap              = "govplatform-config"
)

// nodes is how many nodes are simulated, one per zone.
const nodes = 3

// retryInterval is how often the sample is applied again, as by a GitOps tool.
const retryInterval = 500 * time.Millisecond

// platform is the running demo.
type platform struct {
	*progress
	options  options
	ground   ground
	plane    *controlplane.ControlPlane // Nil on a real node, as is operator.
	admin    client.Client
	operator *operator
	settings settings.Settings
	sample   sample.Sample
}

func run(ctx context.Context, o options) (err error) {
	// What the libraries log is of no use to who watches the demo.
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())

	if err := o.validate(); err != nil {
		return err
	}
	p := &platform{progress: newProgress(), options: o}
	defer func() {
		if stopErr := p.stop(); err == nil {
			err = stopErr
		}
	}()
	if err := p.start(ctx); err != nil {
		return p.explain(err)
	}
	if !o.empty() {
		if err := p.applySample(ctx); err != nil {
			return p.explain(err)
		}
		if err := p.show(ctx); err != nil {
			return err
		}
	}
	if !o.wait {
		return nil
	}
	return p.stay(ctx)
}

func (p *platform) start(ctx context.Context) error {
	asPods := p.options.node == "real"
	var err error
	if !p.options.empty() {
		if p.sample, err = sample.Read(p.options.sample); err != nil {
			return err
		}
	}
	in, err := readInstallation(filepath.Join(p.options.root, "config", "default"), asPods)
	if err != nil {
		return err
	}
	if err := p.startGround(ctx, asPods); err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	if p.admin, err = client.New(p.ground.AdminConfig(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := p.install(ctx, in); err != nil {
		return err
	}
	if err := sample.Metrics(ctx, p.admin); err != nil {
		return err
	}
	if p.settings, err = settings.Parse([]byte(in.settings)); err != nil {
		return err
	}
	if asPods {
		return p.waitOperatorPods(ctx)
	}
	return p.startOperator(ctx, in.settings)
}

func (p *platform) startGround(ctx context.Context, realPods bool) error {
	if realPods {
		node, err := openRealNode()
		if err != nil {
			return err
		}
		p.ground = node
		p.step("Using the cluster of %s. Pods really run, and network policies hold their packets.", node.config.Host)
		return nil
	}
	p.step("Starting a control plane from source with %d simulated nodes. Pods are simulated: they get scheduled and ready, and run no program.", nodes)
	plane, err := controlplane.Start(ctx, controlplane.Options{
		AssetsDir: p.options.assets, ControllerManager: true, Scheduler: true, SimulatedNodes: nodes,
		Progress: func(step string, _ time.Duration) { p.step("  %s is up", step) },
	})
	if err != nil {
		return err
	}
	p.plane, p.ground = plane, plane
	return nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
	return scheme, err
}

// install applies what config/crd and config/default ship, and binds the demo's people to the
// shipped roles. Without a sample nobody is bound: that is what is practised.
func (p *platform) install(ctx context.Context, in installation) error {
	if err := p.applyAll(ctx, in.early); err != nil {
		return err
	}
	for _, o := range in.early {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		if err := p.waitEstablished(ctx, o.GetName()); err != nil {
			return err
		}
	}
	if err := p.applyAll(ctx, in.rest); err != nil {
		return err
	}
	bindings := sample.Bindings()
	if p.options.empty() {
		bindings = nil
	}
	for _, binding := range bindings {
		if err := p.admin.Create(ctx, binding); err != nil {
			return fmt.Errorf("bind %s: %w", binding.Name, err)
		}
	}
	note := ""
	if p.plane != nil {
		note = " (its Deployment aside, because here the operator is a process of this machine)"
	}
	p.step("Installed config/crd and config/default: %d objects%s", len(in.early)+len(in.rest), note)
	return nil
}

func (p *platform) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		if err := p.admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("demo"), client.ForceOwnership); err != nil {
			return fmt.Errorf("install %s: %w", sample.ID(o), err)
		}
	}
	return nil
}

func (p *platform) waitEstablished(ctx context.Context, name string) error {
	for {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := p.admin.Get(ctx, client.ObjectKey{Name: name}, &crd); err != nil {
			return fmt.Errorf("read CustomResourceDefinition %s: %w", name, err)
		}
		for _, c := range crd.Status.Conditions {
			if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for CustomResourceDefinition %s: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startOperator runs the operator with the token of its ServiceAccount, so with
// exactly the rights that config/rbac ships.
func (p *platform) startOperator(ctx context.Context, content string) error {
	config, err := p.plane.ServiceAccountConfig(ctx, operatorNamespace, operatorServiceAccount)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(p.plane.Dir(), "manager.kubeconfig")
	if err := p.plane.WriteKubeconfig(kubeconfig, config); err != nil {
		return fmt.Errorf("write the operator's kubeconfig: %w", err)
	}
	file := filepath.Join(p.plane.Dir(), "config.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err
	}
	if p.operator, err = startOperator(p.options.manager, p.plane.Dir(), kubeconfig, file); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.options.timeout)
	defer cancel()
	if err := p.operator.waitReady(ctx); err != nil {
		return err
	}
	p.step("The operator is ready, as ServiceAccount %s/%s", operatorNamespace, operatorServiceAccount)
	return nil
}

// applySample applies the sample until everything is accepted and waits until
// the platform is as expected.
func (p *platform) applySample(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.timeout, fmt.Errorf("not as expected within %s", p.options.timeout))
	defer cancel()
	reader, changes, err := p.watch(ctx)
	if err != nil {
		return err
	}
	people := sample.NewPeople(p.ground.UserConfig)
	git, officers := sample.NewGitops(p.sample.Objects, people), sample.NewOfficers(p.sample.Decisions, p.settings, people)
	p.step("Applying the national sample, everything at once: standards and shared platforms as the authority, agencies as the platform team, portals, services and links as their agencies")
	p.step("Deciding about links as the agencies' officers do with kubectl gov approve, reject and suspend")
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	for due := true; ; {
		if due && len(git.Pending) > 0 {
			if err := git.Apply(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if due {
			officers.Decide(ctx)
			due = false
		}
		missing, err := p.differences(ctx, reader)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			done := len(missing) == 0 && len(git.Pending) == 0 && len(officers.Pending) == 0
			p.count(done, "  %d of %d objects are accepted, %d of %d decisions are made, %d of %d objects are as expected",
				len(p.sample.Objects)-len(git.Pending), len(p.sample.Objects), len(p.sample.Decisions)-len(officers.Pending), len(p.sample.Decisions), len(p.sample.Expected)-len(missing), len(p.sample.Expected))
			if done {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w:\n  %s", context.Cause(ctx), strings.Join(slices.Concat(missing, git.WaitingFor(), officers.WaitingFor()), "\n  "))
		case <-p.operator.exited():
			return p.operator.ended()
		case <-changes:
		case <-retry.C:
			due = true
		}
	}
}

// watch returns a reader on a local copy of what expectations look at, and a
// channel that has an element when something in it has changed.
func (p *platform) watch(ctx context.Context) (client.Reader, <-chan struct{}, error) {
	c, err := cache.New(p.ground.AdminConfig(), cache.Options{Scheme: p.admin.Scheme(), Mapper: p.admin.RESTMapper()})
	if err != nil {
		return nil, nil, err
	}
	changes := make(chan struct{}, 1)
	changed := func() {
		select {
		case changes <- struct{}{}:
		default:
		}
	}
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { changed() }, UpdateFunc: func(any, any) { changed() }, DeleteFunc: func(any) { changed() },
	}
	// It ends with the context; until then it has nothing to return.
	go func() { _ = c.Start(ctx) }()
	watched := []client.Object{&appsv1.Deployment{}}
	for _, d := range kinds.All() {
		watched = append(watched, d.New())
	}
	for _, o := range watched {
		informer, err := c.GetInformer(ctx, o)
		if err != nil {
			return nil, nil, fmt.Errorf("watch %T: %w", o, err)
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, nil, fmt.Errorf("watch %T: %w", o, err)
		}
	}
	return c, changes, nil
}

func (p *platform) differences(ctx context.Context, reader client.Reader) ([]string, error) {
	var out []string
	for _, e := range p.sample.Expected {
		d, err := e.Difference(ctx, reader)
		if err != nil {
			return nil, err
		}
		if d != "" {
			out = append(out, e.ID()+": "+d)
		}
	}
	return out, nil
}

// settled is how long the figures must stay the same before they are printed.
// The operator counts a second after the last change.
const settled = 1500 * time.Millisecond

// show prints the status table, as kubectl gov status -A would, and the proof of
// isolation, as kubectl gov audit would. It fails when the proof does.
func (p *platform) show(ctx context.Context) error {
	p.step("Everything is as expected: what should be ready is, and what should be refused was, for the right reason")
	summary, err := p.settledSummary(ctx)
	if err != nil {
		return err
	}
	fmt.Println()
	if err := cli.PrintSummary(os.Stdout, summary, cli.ColorWanted(os.Stdout)); err != nil {
		return err
	}
	report, matrix, err := view.Audit(ctx, p.admin, p.settings, time.Now())
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	fmt.Println("\nWho reaches whom, from the network policies (kubectl gov reach --matrix):")
	fmt.Println()
	if err := cli.PrintMatrix(os.Stdout, matrix, cli.ColorWanted(os.Stdout)); err != nil {
		return err
	}
	fmt.Println("\nThe same against approved links and declared platforms (kubectl gov audit):")
	fmt.Println()
	cli.PrintAudit(os.Stdout, report)
	if !report.Holds() {
		return errors.New("the audit fails: the lines above name what is open or shut against what was approved")
	}
	if d := sample.OpenDifferences(p.sample.Open, report.Open); len(d) > 0 {
		return fmt.Errorf("the matrix is not as expected.yaml says:\n  %s", strings.Join(d, "\n  "))
	}
	return nil
}

// settledSummary reads the summary until it stays the same.
func (p *platform) settledSummary(ctx context.Context) (view.Summary, error) {
	var last view.Summary
	since := time.Now()
	for began := since; ; {
		next, err := view.ReadSummary(ctx, p.admin, "")
		if err != nil {
			return next, err
		}
		if !reflect.DeepEqual(next, last) {
			last, since = next, time.Now()
		}
		if time.Since(since) > settled || time.Since(began) > 10*settled {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(settled / 6):
		}
	}
}

// stay says what can be tried and waits for Ctrl-C.
func (p *platform) stay(ctx context.Context) error {
	if p.plane == nil {
		return p.stayInside(ctx)
	}
	kubeconfig := filepath.Join(p.plane.Dir(), "admin.kubeconfig")
	config, err := p.plane.UserConfig("demo-operator", sample.GroupAuthority, sample.GroupPlatformTeam, "system:masters")
	if err != nil {
		return err
	}
	if err := p.plane.WriteKubeconfig(kubeconfig, config); err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	p.printOperator()
	if p.options.empty() {
		p.printPractice(kubeconfig)
		return p.untilStopped(ctx)
	}
	fmt.Printf(`
Try in another terminal:

  export KUBECONFIG=%s
  export PATH=%s:%s:$PATH

  kubectl gov status -A                                        # this table, live
  kubectl gov reach finance/tax-filing public-security/population-db   # may it, and why
  kubectl gov audit -v                                         # what is open, and because of what
  kubectl gov approve residents-for-one-stop -n agency-ho-chi-minh-city --as-agency public-security
  kubectl get govplatform -A                                   # the same with kubectl alone
  kubectl -n agency-health describe portal appointment-booking # why it was refused
  kubectl -n agency-finance get all,networkpolicy              # what 15 lines of YAML became
  kubectl -n agency-finance delete deployment tax-filing       # it comes back at once
  kubectl patch agency da-nang --type merge -p '{"spec":{"suspended":true}}'
  kubectl gov render -f %s      # the same offline
  kubectl explain agencyportal.spec

Ctrl-C ends everything and leaves nothing behind.
`, kubeconfig, p.options.bin, p.options.assets, p.options.sample)
	return p.untilStopped(ctx)
}

// untilStopped waits for Ctrl-C, or for the end of the operator.
func (p *platform) untilStopped(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.operator.done:
		return p.explain(p.operator.ended())
	}
}

// explain adds what helps to understand a failure.
func (p *platform) explain(err error) error {
	if p.operator == nil {
		return err
	}
	return fmt.Errorf("%w\nThe operator's last log lines:\n%s", err, p.operator.lastLines())
}

func (p *platform) stop() error {
	if p.operator != nil {
		p.operator.stop()
	}
	if p.ground == nil {
		return nil
	}
	return p.ground.Stop()
}
