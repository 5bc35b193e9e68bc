// Package talos makes machine configurations and speaks with Talos on the nodes.
//
// The hazards, and what is done against each:
//
//   - A configuration holds every key of the cluster. It is sent to a machine only
//     after that machine has shown, over the same connection, the UUID and the MAC
//     of the one that it is for ([Maintenance.Apply]). It is never printed: no part of
//     a configuration stands in an error, and those of Talos are shortened before
//     they are quoted, for they may hold a diff.
//   - The tailnet's auth key must never rest on a node's disk. It reaches a node in
//     one way alone: as part of a configuration that Talos holds in memory and takes
//     back by itself ([Node.Try]). A configuration with a key in it is refused by
//     every other call.
//   - etcd must be started on one node, once. Talos itself refuses the second time,
//     and that is taken for done ([Node.Bootstrap]).
//
// # Configurations
//
// [Generate] makes the base configuration of every node: the same secrets give the
// same bytes. It has no auth key. [Config.WithAuthKey] adds one, [Config.WithoutAuthKey]
// takes it out.
//
// # Sequence
//
//	maintenance  Maintenance.Apply(base)                        written to the node's STATE
//	             Node.WaitConfigured, Bootstrap (one), WaitHealthy
//	join         Node.Try(base + key)                           in memory, with a timer
//	             the join is verified from both ends
//	             Node.ApplyBase(base)                           the key is gone
//
// ApplyBase belongs to every way out of a join, failed ones too. If nobody comes to
// apply it, Talos returns to the base when the timer ends.
//
// The facts about Talos were read in its source, v1.13.9.
package talos
