package controlplane

import (
	"context"
	"fmt"
	"strconv"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// componentKubeconfig writes the kubeconfig with which a component acts as user.
func (c *ControlPlane) componentKubeconfig(name, user string, groups ...string) (string, error) {
	config, err := c.UserConfig(user, groups...)
	if err != nil {
		return "", err
	}
	path := c.pkiFile(name + ".kubeconfig")
	return path, c.WriteKubeconfig(path, config)
}

// Dir returns the directory with the data and the log of each component, such as kube-apiserver.log.
func (c *ControlPlane) Dir() string { return c.dir }

// AdminConfig returns a configuration for a member of system:masters, whom no authorization restricts.
func (c *ControlPlane) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// UserConfig returns a configuration for a user in groups, with a client certificate that this control plane trusts.
func (c *ControlPlane) UserConfig(user string, groups ...string) (*rest.Config, error) {
	pair, err := c.clusterAuthority.client(user, groups...)
	if err != nil {
		return nil, fmt.Errorf("client certificate for %s: %w", user, err)
	}
	config := c.anonymousConfig()
	config.CertData, config.KeyData = pair.certPEM, pair.keyPEM
	return config, nil
}

// ServiceAccountConfig returns a configuration for an existing ServiceAccount, with a token as a pod would get it. The
// token is valid for 12 hours and dies with the ServiceAccount.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	seconds := int64(tokenLifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	request, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("token for ServiceAccount %s/%s: %w", namespace, name, err)
	}
	config := c.anonymousConfig()
	config.BearerToken = request.Status.Token
	return config, nil
}

func (c *ControlPlane) anonymousConfig() *rest.Config {
	return &rest.Config{
		Host:            "https://127.0.0.1:" + strconv.Itoa(c.port),
		TLSClientConfig: rest.TLSClientConfig{CAData: c.clusterAuthority.certPEM},
		QPS:             -1, // The API server's own fairness is the only limit.
	}
}

// WriteKubeconfig writes a configuration of this control plane as a kubeconfig that only the current user may read.
func (c *ControlPlane) WriteKubeconfig(path string, cfg *rest.Config) error {
	const name = "govplatform"
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData, Token: cfg.BearerToken}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	kubeconfig.CurrentContext = name
	return clientcmd.WriteToFile(*kubeconfig, path)
}
