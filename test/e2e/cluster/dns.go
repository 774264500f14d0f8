package cluster

import (
	"context"
	_ "embed"
	"errors"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed coredns.yaml
var dnsManifest string

// applyDNS installs CoreDNS under the names and labels that it has everywhere.
func (c *Cluster) applyDNS(ctx context.Context) error {
	image, err := c.Image("coredns")
	if err != nil {
		return err
	}
	var (
		account    corev1.ServiceAccount
		role       rbacv1.ClusterRole
		binding    rbacv1.ClusterRoleBinding
		config     corev1.ConfigMap
		deployment appsv1.Deployment
		service    corev1.Service
	)
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(dnsManifest), 4096)
	for _, target := range []any{&account, &role, &binding, &config, &deployment, &service} {
		if err := decoder.Decode(target); err != nil {
			return err
		}
	}
	deployment.Spec.Template.Spec.Containers[0].Image = image.ByDigest()
	create := metav1.CreateOptions{}
	for _, apply := range []func() error{
		func() error {
			_, err := c.client.CoreV1().ServiceAccounts(account.Namespace).Create(ctx, &account, create)
			return err
		},
		func() error { _, err := c.client.RbacV1().ClusterRoles().Create(ctx, &role, create); return err },
		func() error {
			_, err := c.client.RbacV1().ClusterRoleBindings().Create(ctx, &binding, create)
			return err
		},
		func() error {
			_, err := c.client.CoreV1().ConfigMaps(config.Namespace).Create(ctx, &config, create)
			return err
		},
		func() error {
			_, err := c.client.AppsV1().Deployments(deployment.Namespace).Create(ctx, &deployment, create)
			return err
		},
		func() error {
			_, err := c.client.CoreV1().Services(service.Namespace).Create(ctx, &service, create)
			return err
		},
	} {
		if err := apply(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) dnsReady(ctx context.Context) error {
	deployment, err := c.client.AppsV1().Deployments("kube-system").Get(ctx, "coredns", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if deployment.Status.AvailableReplicas == 0 {
		return errors.New("no replica is available")
	}
	return nil
}
