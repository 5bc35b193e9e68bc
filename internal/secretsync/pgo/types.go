package pgo

import (
	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is the kind's name.
const Kind = "PostgresCluster"

// GroupVersionKind is what to read and watch: every PGO since v5 serves v1beta1,
// and v6 still stores it.
var GroupVersionKind = v1beta1.GroupVersion.WithKind(Kind)

// PostgresCluster is PGO's object. Never write one (see the package's doc).
type PostgresCluster = v1beta1.PostgresCluster

// PostgresClusterList is a list of them.
type PostgresClusterList = v1beta1.PostgresClusterList

// Resource is what the API server calls PostgresClusters.
var Resource = v1beta1.GroupVersion.WithResource("postgresclusters")

// AddToScheme registers PGO's kinds.
func AddToScheme(scheme *runtime.Scheme) error { return v1beta1.AddToScheme(scheme) }

// NewCluster returns an empty PostgresCluster to read into.
func NewCluster() *PostgresCluster { return v1beta1.NewPostgresCluster() }

// NewClusterList returns an empty list to read into.
func NewClusterList() *PostgresClusterList {
	list := &PostgresClusterList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{
		Group: GroupVersionKind.Group, Version: GroupVersionKind.Version, Kind: Kind + "List",
	})
	return list
}
