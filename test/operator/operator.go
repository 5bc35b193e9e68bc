// Package operator plays Crunchy PGO where no kubelet can run its pods: it writes
// what PGO writes to the API server, in PGO's order, and applies roles to a real
// PostgreSQL. Every phase is a method of its own, so that a spec can stop between
// two of them.
//
// The order and the timing come from PGO's source at v6.0.3
// (internal/controller/postgrescluster: cluster.go, postgres.go, pgbackrest.go)
// and from running PGO 5.4 and 6.0.3. It is strict in that the API server holds
// PGO's own CRD, so that nothing can be written that PGO could not write.
package operator

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/postgres"
)

// Operator plays PGO for any number of clusters on one PostgreSQL server, so that
// users of different clusters need different names.
type Operator struct {
	client   client.Client
	postgres *postgres.Server
	// NewPassword returns the password for a user that has none; random by default.
	NewPassword func(user string) string
}

// New returns an operator with the rights of cfg.
func New(cfg *rest.Config, server *postgres.Server) (*Operator, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pgo.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("a client for the operator: %w", err)
	}
	return &Operator{client: c, postgres: server, NewPassword: randomPassword}, nil
}

// Cluster is a PostgresCluster and the users of its spec.
type Cluster struct {
	operator  *Operator
	Namespace string
	Name      string
	Users     []string
}

// Cluster returns a handle; nothing is created yet.
func (o *Operator) Cluster(namespace, name string, users ...string) *Cluster {
	return &Cluster{operator: o, Namespace: namespace, Name: name, Users: users}
}

func (c *Cluster) get(ctx context.Context) (*pgo.PostgresCluster, error) {
	obj := &pgo.PostgresCluster{}
	if err := c.operator.client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: c.Name}, obj); err != nil {
		return nil, err
	}
	return obj, nil
}
