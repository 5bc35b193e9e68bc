package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/process"
	"github.com/tazzo/rebirth/test/relay"
)

// Agent is the agent of a node: a process, and the pod that it stands for.
type Agent struct {
	*process.Process
	// Way is the network between that node's pods and all others.
	Way *relay.Relay
	pod *corev1.Pod
	// address of the pod.
	address string
}

// StartAgent runs the agent's container on the node, with the arguments and the
// environment of the chart's DaemonSet. It waits, as a kubelet does, for the Secret
// that the controller makes. Nobody knows of the agent before ReportAgent.
func (n *Network) StartAgent(ctx context.Context, node string) (*Agent, error) {
	pod, err := n.AgentPod(ctx, node)
	if err != nil {
		return nil, err
	}
	keys, err := n.mountKeys(ctx)
	if err != nil {
		return nil, err
	}
	port := fmt.Sprintf(":%d", pod.Spec.Containers[0].Ports[0].ContainerPort)
	listens := n.o.Addresses.process(n.place(node)) + port
	child, err := kubelet.Start(kubelet.Container{
		Program: n.o.Agent, Pod: pod, Mounts: map[string]string{"/keys": keys}, Args: []string{"--address=" + listens}, Log: n.log(node),
	})
	if err != nil {
		return nil, err
	}
	agent := &Agent{Process: child, pod: pod, address: n.o.Addresses.pod(n.place(node))}
	n.agents = append(n.agents, agent)
	if agent.Way, err = n.carry(agent.address+port, listens); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it took longer than a minute"))
	defer cancel()
	return agent, child.Await(ctx, func(ctx context.Context) error {
		_, err := kubelet.Get(ctx, "http://"+listens+wire.PathReady)
		return err
	})
}

// ReportAgent plays the kubelet of the agent's node: the pod has its sandbox, and runs.
func (n *Network) ReportAgent(ctx context.Context, agent *Agent) error {
	return kubelet.ReportRunning(ctx, n.o.Admin, agent.pod, agent.address)
}

// AgentPod is the pod of the agents' DaemonSet on the node.
func (n *Network) AgentPod(ctx context.Context, node string) (*corev1.Pod, error) {
	return kubelet.DaemonPod(ctx, n.o.Admin, client.ObjectKey{Namespace: n.o.Release, Name: n.o.Release + "-agent"}, node)
}

// mountKeys writes the agents' Secret to a folder, once it is there.
func (n *Network) mountKeys(ctx context.Context) (dir string, err error) {
	secret, key := &corev1.Secret{}, client.ObjectKey{Namespace: n.o.Release, Name: n.o.Release + "-agent-key"}
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := n.o.Admin.Get(ctx, key, secret)
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		return "", fmt.Errorf("the agents' Secret %s, which the controller makes: %w", key, err)
	}
	dir = filepath.Join(n.o.Dir, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, content := range secret.Data {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// stop gives it the time that a kubelet would.
func (a *Agent) stop() error { return a.Stop(syscall.SIGTERM, 15*time.Second) }
