package handover

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// attempt is how long the API may take for one answer.
const attempt = 15 * time.Second

// maxAnswer is far more than an object's metadata takes.
const maxAnswer = 4 << 20

// metadataOnly asks for an object's metadata: of a Secret nothing else comes back.
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// api is a cluster's Kubernetes API, as far as it takes to apply an object. client-go
// can do it too. With it and the types of apimachinery the program would be 4 MB
// larger, of the 40 that it may have; and it keeps what it connects with, private key
// included, until the process ends.
type api struct {
	server *url.URL
	token  string
	client *http.Client
}

// kubeconfig is what is needed of such a file.
type kubeconfig struct {
	Clusters []struct {
		Cluster struct {
			Server string
			CA     []byte `json:"certificate-authority-data"`
		}
	}
	Users []struct {
		User struct {
			Certificate []byte `json:"client-certificate-data"`
			Key         []byte `json:"client-key-data"`
			Token       string
		}
	}
}

// connect takes a kubeconfig as Talos makes it: of one cluster and one user, with a
// client certificate, or a token, in it. Nothing of it is in the error.
func connect(file secret.Value) (*api, error) {
	errUnreadable := errors.New("the kubeconfig that Talos gave can't be read")
	var config kubeconfig
	if err := yaml.Unmarshal(file.Bytes(), &config); err != nil || len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, errUnreadable
	}
	cluster, user := config.Clusters[0].Cluster, config.Users[0].User
	server, err := url.Parse(cluster.Server)
	if err != nil || server.Scheme != "https" {
		return nil, errUnreadable
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	trust.RootCAs.AppendCertsFromPEM(cluster.CA)
	if user.Token == "" {
		pair, err := tls.X509KeyPair(user.Certificate, user.Key)
		if err != nil {
			return nil, errUnreadable
		}
		trust.Certificates = []tls.Certificate{pair}
	}
	return &api{server: server, token: user.Token, client: &http.Client{
		Transport:     &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       attempt,
	}}, nil
}

func (a *api) close() { a.client.CloseIdleConnections() }

// object is what is needed of an object's metadata (metav1.PartialObjectMetadata).
type object struct {
	Metadata struct {
		ResourceVersion string
		ManagedFields   []struct {
			Manager  string
			FieldsV1 map[string]json.RawMessage
		}
	}
}

// refusal is what the API answers in place of an object (metav1.Status).
type refusal struct {
	Code    int
	Message string
	Details struct {
		Causes []cause
	}
}

type cause struct {
	Type  string `json:"reason"`
	Field string
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (HTTP %d)", r.Message, r.Code) }

// causes are those of one type.
func (r *refusal) causes(kind string) []cause {
	return slices.DeleteFunc(slices.Clone(r.Details.Causes), func(c cause) bool { return c.Type != kind })
}

// codeOf is the HTTP status of a refusal; 0 if the API wasn't reached.
func codeOf(err error) int {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}

// get returns an object's metadata.
func (a *api) get(ctx context.Context, path ...string) (object, error) {
	return a.do(ctx, http.MethodGet, a.server.JoinPath(path...), nil)
}

// apply applies an object server-side, without force, and returns its metadata.
func (a *api) apply(ctx context.Context, body []byte, path ...string) (object, error) {
	where := a.server.JoinPath(path...)
	where.RawQuery = url.Values{"fieldManager": {fieldManager}}.Encode()
	return a.do(ctx, http.MethodPatch, where, body)
}

func (a *api) do(ctx context.Context, method string, where *url.URL, body []byte) (object, error) {
	request, err := http.NewRequestWithContext(ctx, method, where.String(), bytes.NewReader(body))
	if err != nil {
		return object{}, err
	}
	request.Header.Set("Accept", metadataOnly)
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return object{}, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return object{}, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		refused := &refusal{Message: "no reason is given"}
		_ = json.Unmarshal(answer, refused) // a proxy in between answers otherwise
		refused.Code = response.StatusCode
		return object{}, refused
	}
	var got object
	return got, json.Unmarshal(answer, &got)
}
