package pgo_test

import (
	"encoding/json"

	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

// decode reads a cluster as the API server serves it: an absent list and an
// empty one differ only there.
func decode(document string) *pgo.PostgresCluster {
	cluster := pgo.NewCluster()
	Expect(json.Unmarshal([]byte(document), cluster)).To(Succeed())
	return cluster
}

// fresh is a cluster of a plain initdb, up, with its users applied.
const fresh = `{
	"apiVersion": "postgres-operator.crunchydata.com/v1beta1", "kind": "PostgresCluster",
	"metadata": {"namespace": "tazlab-db", "name": "tazlab-db", "uid": "u1", "resourceVersion": "7",
		"labels": {"a": "b"}, "annotations": {"c": "d"}, "managedFields": [{"manager": "x"}]},
	"spec": {"postgresVersion": 15, "users": [{"name": "grafana", "databases": ["grafana"]}, {"name": "backend"}],
		"instances": [{"name": "a", "dataVolumeClaimSpec": {}}],
		"backups": {"pgbackrest": {"repos": [{"name": "repo1"}]}}},
	"status": {"usersRevision": "r1", "databaseRevision": "d1", "patroni": {"systemIdentifier": "7000"},
		"instances": [{"name": "a", "readyReplicas": 1}, {"name": "b", "readyReplicas": 2}],
		"conditions": [{"type": "ProxyAvailable", "status": "True", "reason": "R", "message": "m"}]}
}`

// reborn is the same cluster, restored from its backups when it was created.
func reborn() pgo.Cluster {
	cluster := decode(fresh)
	Expect(json.Unmarshal([]byte(`{
		"spec": {"dataSource": {"pgbackrest": {"stanza": "db", "repo": {"name": "repo1"}}}},
		"status": {
			"pgbackrest": {"restore": {"id": "~pgo-bootstrap-tazlab-db", "finished": true, "succeeded": 1}},
			"conditions": [{"type": "PostgresDataInitialized", "status": "True", "reason": "PGBackRestRestoreComplete", "message": "m"}]}
	}`), cluster)).To(Succeed())
	return pgo.Project(cluster)
}
