package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// operatorDeployment is the operator where it runs as pods.
const operatorDeployment = "govplatform-controller-manager"

// ground is the cluster under the platform.
type ground interface {
	// AdminConfig is for a member of system:masters.
	AdminConfig() *rest.Config
	// UserConfig is for a user in groups.
	UserConfig(user string, groups ...string) (*rest.Config, error)
	Stop() error
}

// realNode is the cluster that bin/cluster runs around this program.
type realNode struct{ config *rest.Config }

func openRealNode() (*realNode, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, fmt.Errorf("read $KUBECONFIG: %w", err)
	}
	config.QPS = -1
	return &realNode{config: config}, nil
}

func (n *realNode) AdminConfig() *rest.Config { return rest.CopyConfig(n.config) }

// UserConfig lets the admin act as the user: the API server then grants what it grants to the user, and no more.
func (n *realNode) UserConfig(user string, groups ...string) (*rest.Config, error) {
	config := n.AdminConfig()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return config, nil
}

// Stop does nothing: whoever started the cluster ends it.
func (n *realNode) Stop() error { return nil }

// waitOperatorPods waits until all pods of the operator are available.
func (p *platform) waitOperatorPods(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.options.timeout)
	defer cancel()
	for {
		var d appsv1.Deployment
		if err := p.admin.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: operatorDeployment}, &d); err != nil {
			return fmt.Errorf("read the operator's Deployment: %w", err)
		}
		if d.Status.ObservedGeneration == d.Generation && d.Spec.Replicas != nil && d.Status.AvailableReplicas == *d.Spec.Replicas {
			p.step("The operator runs as %d pods in namespace %s, one of them the leader", *d.Spec.Replicas, operatorNamespace)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d pods of the operator are available: %w", d.Status.AvailableReplicas, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stayInside gives a shell in the cluster's own network, which no other terminal reaches. Without a terminal it waits for
// the end of ctx.
func (p *platform) stayInside(ctx context.Context) error {
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		<-ctx.Done()
		return nil //nolint:nilerr // Without a usable input there is no terminal, which is no failure.
	}
	fmt.Printf(`
This is a shell beside the cluster, with kubectl set up. Try:

  kubectl gov status -A
  kubectl get pods -A
  kubectl -n agency-finance get networkpolicy
  kubectl -n agency-finance exec deploy/tax-filing -- /portal-backend connect one-stop.agency-nghe-an.svc:8080   # closed
  kubectl -n agency-finance exec deploy/tax-filing -- /portal-backend lookup one-stop.agency-nghe-an.svc         # DNS is open
  kubectl patch agency da-nang --type merge -p '{"spec":{"suspended":true}}'

"exit" ends everything and leaves nothing behind.

`)
	shell := exec.CommandContext(ctx, "sh", "-i")
	shell.Stdin, shell.Stdout, shell.Stderr = os.Stdin, os.Stdout, os.Stderr
	shell.Env = append(os.Environ(), "PATH="+p.options.bin+string(os.PathListSeparator)+p.options.assets+string(os.PathListSeparator)+os.Getenv("PATH"))
	// Whatever the last command in the shell returned, it is no failure of the demo.
	_ = shell.Run()
	return nil
}
