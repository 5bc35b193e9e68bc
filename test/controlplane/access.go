package controlplane

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// identity is what the programs know one another by, and the tests them.
type identity struct {
	ca                    []byte
	certFile, keyFile     string
	tokenFile             string
	serviceAccountKeyFile string
	adminToken            string
	controllersToken      string
}

func newIdentity(dir string) (identity, error) {
	id := identity{
		certFile:              filepath.Join(dir, "apiserver.crt"),
		keyFile:               filepath.Join(dir, "apiserver.key"),
		tokenFile:             filepath.Join(dir, "tokens.csv"),
		serviceAccountKeyFile: filepath.Join(dir, "service-account.key"),
		adminToken:            rand.Text(),
		controllersToken:      rand.Text(),
	}
	chain, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return identity{}, err
	}
	signingKey, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return identity{}, err
	}
	_, id.ca = pem.Decode(chain) // the leaf comes first, then its authority
	tokens := fmt.Sprintf("%s,admin,admin,system:masters\n%s,system:kube-controller-manager,controllers,system:masters\n",
		id.adminToken, id.controllersToken)
	return id, errors.Join(
		os.WriteFile(id.certFile, chain, 0o600),
		os.WriteFile(id.keyFile, key, 0o600),
		os.WriteFile(id.serviceAccountKeyFile, signingKey, 0o600),
		os.WriteFile(id.tokenFile, []byte(tokens), 0o600),
	)
}

func (id identity) config(host, token string) *rest.Config {
	return &rest.Config{
		Host:            host,
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{CAData: bytes.Clone(id.ca)},
	}
}

// AdminConfig is a configuration for a member of system:masters, without a limit
// on the rate of requests.
func (cp *ControlPlane) AdminConfig() *rest.Config {
	config := rest.CopyConfig(cp.config)
	config.QPS = -1
	return config
}

// ServiceAccountConfig is a configuration with a real token of an existing
// service account (TokenRequest, 24 h): what RBAC grants it is all that it may do.
func (cp *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	seconds := int64((24 * time.Hour).Seconds())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	if err := cp.client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("token of the service account %s/%s: %w", namespace, name, err)
	}
	return cp.identity.config(cp.config.Host, request.Status.Token), nil
}

// Kubeconfig is a configuration of a control plane as the content of a kubeconfig.
func Kubeconfig(config *rest.Config) ([]byte, error) {
	const name = "rebirth"
	return clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			name: {Server: config.Host, CertificateAuthorityData: config.CAData},
		},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	})
}

// WriteKubeconfig writes a configuration of this control plane as a kubeconfig
// that only its owner can read.
func (cp *ControlPlane) WriteKubeconfig(config *rest.Config, path string) error {
	content, err := Kubeconfig(config)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// controllersAtWork returns nil once controllers have left their first traces:
// the default service account and the ConfigMap with the API server's authority.
// A test that leaves those controllers out isn't kept waiting for them.
func (cp *ControlPlane) controllersAtWork(ctx context.Context) error {
	if cp.options.Controllers != nil && cp.options.Controllers[0] != "*" {
		return nil
	}
	key := client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: "default"}
	if err := cp.client.Get(ctx, key, &corev1.ServiceAccount{}); err != nil {
		return err
	}
	key.Name = "kube-root-ca.crt"
	return cp.client.Get(ctx, key, &corev1.ConfigMap{})
}

func get(ctx context.Context, config *rest.Config, path string) error {
	api, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	return api.RESTClient().Get().AbsPath(path).Do(ctx).Error()
}
