// Package pgo reads what Crunchy's PostgreSQL operator (PGO) says about a
// PostgresCluster. It is pure, and the only package that knows PGO's types.
//
// The hazard: no field of PGO's status says that a user's password logs in.
// PostgresDataInitialized turns True seconds before the database answers, is
// never set on a cluster that was not restored, and can be stale True while an
// in-place restore tears the cluster down; usersRevision survives an in-place
// restore, after which the restored database's password wins over the Secret's.
// So Settled says no more than that a login is worth trying.
//
// The types are those of PGO 5.4; later versions of v1beta1 have more fields.
// Objects of these types must never be written back: fields that they don't
// know would be lost.
//
// Facts were read from PGO's internal/controller/postgrescluster (cluster.go,
// pgbackrest.go, instance.go, postgres.go, pki.go), v5.4 to v6.0.3.
package pgo
