// Package controlplane runs a real Kubernetes control plane on loopback for
// tests and the demo: etcd, kube-apiserver and kube-controller-manager, with
// RBAC, the usual admission plugins and real service account tokens.
//
// There is no kubelet and no scheduler: pods stay Pending until a test writes
// their status. What the controllers of Kubernetes do is real: garbage
// collection, the end of namespaces, service accounts, and the pods of
// Deployments, StatefulSets and Jobs.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/process"
)

// DefaultControllers are kube-controller-manager's without those that evict and
// remove the pods of nodes that no kubelet answers for.
var DefaultControllers = []string{
	"*", "-node-lifecycle-controller", "-taint-eviction-controller", "-pod-garbage-collector-controller",
}

// AuditMetadata is an audit policy that logs one line per finished request,
// without contents.
var AuditMetadata = []byte(`{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived","ResponseStarted"],"rules":[{"level":"Metadata"}]}`)

// Options of a control plane; the zero value is a good one.
type Options struct {
	// Progress takes lines about what is found, built and started; on a terminal
	// a long step refreshes one line. Nil: nothing is said.
	Progress io.Writer
	// Manifests (YAML, several documents each) are applied before
	// kube-controller-manager starts. CRDs belong here: the garbage collector
	// looks for kinds when it starts and then only every 30 s.
	Manifests [][]byte
	// Controllers for kube-controller-manager's flag; nil: DefaultControllers.
	Controllers []string
	// APIServerArgs are added to kube-apiserver's flags.
	APIServerArgs []string
	// AuditPolicy (YAML), AuditMetadata for one, has requests logged to AuditLog.
	AuditPolicy []byte
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	programs  Programs
	options   Options
	dir       string
	identity  identity
	config    *rest.Config
	client    client.Client
	processes []*process.Process
}

// Start prepares the programs (see Prepare), starts them and returns when the API
// server is ready and the controllers are at work. ctx bounds the start alone;
// Stop ends what was started, and so, on Linux, does the end of this process.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	programs, err := Prepare(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rebirth-control-plane-")
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{programs: programs, options: options, dir: dir}
	if err := cp.start(ctx); err != nil {
		return nil, errors.Join(err, cp.Stop())
	}
	return cp, nil
}

func (cp *ControlPlane) start(ctx context.Context) error {
	begin, say := time.Now(), progressOn(cp.options.Progress).say
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the control plane took longer than 2 minutes to start"))
	defer cancel()
	var err error
	if cp.identity, err = newIdentity(cp.dir); err != nil {
		return err
	}
	if err := cp.startEtcd(); err != nil {
		return err
	}
	if err := cp.startAPIServer(ctx); err != nil {
		return err
	}
	if cp.client, err = client.New(cp.config, client.Options{}); err != nil {
		return err
	}
	for _, manifest := range cp.options.Manifests {
		if err := cp.ApplyYAML(ctx, manifest); err != nil {
			return err
		}
	}
	if err := cp.startControllerManager(ctx); err != nil {
		return err
	}
	say("control plane: ready at %s after %s", cp.config.Host, time.Since(begin).Round(100*time.Millisecond))
	return nil
}

// Stop kills the control plane and removes everything that it kept.
func (cp *ControlPlane) Stop() error {
	var errs []error
	for i := len(cp.processes) - 1; i >= 0; i-- {
		errs = append(errs, cp.processes[i].Stop(syscall.SIGKILL, time.Minute))
	}
	cp.processes = nil
	return errors.Join(append(errs, os.RemoveAll(cp.dir))...)
}

// AuditLog is the path of the log that Options.AuditPolicy asks for: one JSON
// object (audit.k8s.io/v1 Event) per line.
func (cp *ControlPlane) AuditLog() string { return filepath.Join(cp.dir, "audit.log") }

func (cp *ControlPlane) run(path string, args ...string) (*process.Process, error) {
	child, err := process.Start(process.Command{
		Path:       path,
		Args:       args,
		Log:        filepath.Join(cp.dir, filepath.Base(path)+".log"),
		LastSignal: syscall.SIGKILL,
	})
	if err != nil {
		return nil, err
	}
	cp.processes = append(cp.processes, child)
	return child, nil
}

// etcdSocket spares a port, and with it a race for one.
func (cp *ControlPlane) etcdSocket() string { return "unix://" + filepath.Join(cp.dir, "etcd.sock") }

// startEtcd doesn't wait: the API server does.
func (cp *ControlPlane) startEtcd() error {
	_, err := cp.run(cp.programs.Etcd,
		"--data-dir="+filepath.Join(cp.dir, "etcd"),
		"--listen-client-urls="+cp.etcdSocket(),
		// etcd refuses to advertise a socket. Nobody asks for this address.
		"--advertise-client-urls=http://127.0.0.1:0",
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	)
	return err
}

// startAPIServer takes another port when somebody else was quicker to listen on
// the first.
func (cp *ControlPlane) startAPIServer(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		port, err := process.FreePort()
		if err != nil {
			return err
		}
		err = cp.tryAPIServer(ctx, port)
		if err == nil || attempt == 3 || ctx.Err() != nil || !process.Taken(port) {
			return err
		}
	}
}

func (cp *ControlPlane) tryAPIServer(ctx context.Context, port int) error {
	args := append(cp.apiServerArgs(port), cp.options.APIServerArgs...)
	if cp.options.AuditPolicy != nil {
		policy := filepath.Join(cp.dir, "audit-policy.yaml")
		if err := os.WriteFile(policy, cp.options.AuditPolicy, 0o600); err != nil {
			return err
		}
		args = append(args, "--audit-policy-file="+policy, "--audit-log-path="+cp.AuditLog())
	}
	server, err := cp.run(cp.programs.APIServer, args...)
	if err != nil {
		return err
	}
	cp.config = cp.identity.config(fmt.Sprintf("https://127.0.0.1:%d", port), cp.identity.adminToken)
	return server.Await(ctx, func(ctx context.Context) error { return get(ctx, cp.config, "/readyz") })
}

func (cp *ControlPlane) apiServerArgs(port int) []string {
	return []string{
		"--etcd-servers=" + cp.etcdSocket(),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + cp.identity.certFile,
		"--tls-private-key-file=" + cp.identity.keyFile,
		"--token-auth-file=" + cp.identity.tokenFile,
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + cp.identity.serviceAccountKeyFile,
		"--service-account-signing-key-file=" + cp.identity.serviceAccountKeyFile,
		"--service-cluster-ip-range=10.96.0.0/16",
		// Endpoints may not name a loopback address.
		"--endpoint-reconciler-type=none",
		"--profiling=false",
	}
}

func (cp *ControlPlane) startControllerManager(ctx context.Context) error {
	kubeconfig := filepath.Join(cp.dir, "kube-controller-manager.kubeconfig")
	config := cp.identity.config(cp.config.Host, cp.identity.controllersToken)
	if err := cp.WriteKubeconfig(config, kubeconfig); err != nil {
		return err
	}
	controllers := cp.options.Controllers
	if controllers == nil {
		controllers = DefaultControllers
	}
	manager, err := cp.run(cp.programs.ControllerManager,
		"--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--root-ca-file="+cp.identity.certFile,
		"--service-account-private-key-file="+cp.identity.serviceAccountKeyFile,
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--concurrent-gc-syncs=20",
		"--concurrent-namespace-syncs=20",
		"--concurrent-serviceaccount-token-syncs=10",
		"--enable-hostpath-provisioner=false",
		"--profiling=false",
	)
	if err != nil {
		return err
	}
	return manager.Await(ctx, cp.controllersAtWork)
}
