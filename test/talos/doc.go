// Package talos plays a machine that runs Talos, as far as its API shows it: one
// address of loopback with Talos' port, a directory that stands for its disk, and a
// life from power-on over maintenance mode to a running node.
//
// It is a fake, and a strict one: it refuses what Talos refuses. Its source of truth
// is Talos v1.13.9:
//
//   - the API's definitions, the configuration's loader and validation, roles: the
//     machinery module itself
//   - who may call what: internal/app/machined/pkg/system/services/machined.go (rules),
//     internal/app/resources/access.go (resources); in maintenance everybody is
//     os:reader (pkg/grpc/middleware/authz/injector.go)
//   - ApplyConfiguration with its modes, Bootstrap, Kubeconfig, Version:
//     internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go
//   - TRY, its timer, what can be applied without a reboot:
//     internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_runtime.go
//   - maintenance, config.yaml on STATE: internal/app/machined/pkg/controllers/config
//   - certificates of the API, a worker's by a control plane's trustd:
//     internal/app/machined/pkg/controllers/secrets, internal/app/trustd
//   - extension services, which wait for their document and restart when it changes:
//     internal/app/machined/pkg/controllers/runtime, .../system/services/extension.go
//   - the machine's status: internal/app/machined/pkg/controllers/runtime/machine_status.go
//
// What is not played is refused: other calls are Unimplemented, other resources are
// "not supported". There is no Kubernetes and no etcd behind it: etcd is a directory
// and a TCP port, by which other control planes find that the cluster has one, and
// the node never gets Ready, which Talos reports as an unmet condition.
//
// On the machine's disk (Options.Dir): STATE/config.yaml is the configuration that
// Talos has persisted; EPHEMERAL stands for /var, with lib/etcd and what the
// extension keeps.
package talos
