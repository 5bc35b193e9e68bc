// Package cluster makes and breaks the end-to-end tier's kind cluster.
package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// Options of a cluster.
type Options struct {
	Kind    string // the program
	Kubectl string // the program
	Image   string // of the nodes
	// Config is the file of kind's configuration, and names the cluster.
	Config string
	// Patches are added to its kubeadmConfigPatches.
	Patches []string
	// Dir takes the kubeconfig and temporary files.
	Dir string
}

// Cluster is one that runs, or a former one that is made again.
type Cluster struct {
	options Options
	name    string
}

// New reads the configuration; Create makes the cluster.
func New(options Options) (*Cluster, error) {
	config, err := readConfig(options.Config)
	if err != nil {
		return nil, err
	}
	name, ok := config["name"].(string)
	if !ok {
		return nil, fmt.Errorf("%s names no cluster", options.Config)
	}
	return &Cluster{options: options, name: name}, nil
}

func readConfig(file string) (map[string]any, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var config map[string]any
	if err := yaml.Unmarshal(content, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}

// Create makes the cluster and returns when its API answers. Nodes are not Ready yet:
// there is no network plugin.
func (c *Cluster) Create(ctx context.Context) error {
	config, err := readConfig(c.options.Config)
	if err != nil {
		return err
	}
	patches, _ := config["kubeadmConfigPatches"].([]any)
	for _, patch := range c.options.Patches {
		patches = append(patches, patch)
	}
	config["kubeadmConfigPatches"] = patches
	content, err := yaml.Marshal(config)
	if err != nil {
		return err
	}
	file := filepath.Join(c.options.Dir, "kind.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	_, err = c.run(ctx, nil, c.options.Kind, "create", "cluster", "--image", c.options.Image, "--config", file,
		"--kubeconfig", c.Kubeconfig(), "--retain")
	return err
}

// Delete destroys the cluster with all that it holds. Deleting what isn't there is no
// error.
func (c *Cluster) Delete(ctx context.Context) error {
	_, err := c.run(ctx, nil, c.options.Kind, "delete", "cluster", "--name", c.name, "--kubeconfig", c.Kubeconfig())
	return err
}

// Load puts an image that Docker has onto all nodes.
func (c *Cluster) Load(ctx context.Context, images ...string) error {
	_, err := c.run(ctx, nil, c.options.Kind, append([]string{"load", "docker-image", "--name", c.name}, images...)...)
	return err
}

// Kubeconfig is the path of an administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.options.Dir, "kubeconfig") }

// Config is an administrator's, for a client.
func (c *Cluster) Config() (*rest.Config, error) {
	return clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
}

// Kubectl runs kubectl as administrator and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.run(ctx, nil, c.options.Kubectl, append([]string{"--kubeconfig", c.Kubeconfig()}, args...)...)
}

// Apply applies manifests as administrator.
func (c *Cluster) Apply(ctx context.Context, manifests []byte) error {
	_, err := c.run(ctx, manifests, c.options.Kubectl, "--kubeconfig", c.Kubeconfig(), "apply", "--server-side", "--filename", "-")
	return err
}

// Nodes are the names of the nodes' containers, which are those of the nodes.
func (c *Cluster) Nodes(ctx context.Context) ([]string, error) {
	out, err := c.run(ctx, nil, c.options.Kind, "get", "nodes", "--name", c.name)
	nodes := strings.Fields(out)
	slices.Sort(nodes)
	return nodes, err
}

// OnNode runs a command on a node, as root.
func (c *Cluster) OnNode(ctx context.Context, node string, command ...string) (string, error) {
	return c.run(ctx, nil, "docker", append([]string{"exec", node}, command...)...)
}

// Boot is what a node's container has said, which is there when nothing runs in it.
func (c *Cluster) Boot(ctx context.Context, node string) (string, error) {
	return c.run(ctx, nil, "docker", "logs", node)
}

// FilesWith are the files of a node that hold one of the texts, outside of some
// folders. The texts go to the node by standard input, so that they stand in no
// command line.
func (c *Cluster) FilesWith(ctx context.Context, node string, texts, outside []string) ([]string, error) {
	// -xdev leaves out what is mounted, so these are named.
	script := "cat > /run/texts && find / /var /run /tmp -xdev -type f -size -64M"
	for _, dir := range append([]string{"/run/texts"}, outside...) {
		script += " -not -path '" + dir + "' -not -path '" + dir + "/*'"
	}
	// A file may vanish meanwhile: that is no error.
	script += " -print0 | xargs -0 grep --files-with-matches --fixed-strings --file=/run/texts --text --no-messages -- ; rm /run/texts"
	out, err := c.run(ctx, []byte(strings.Join(texts, "\n")+"\n"), "docker", "exec", "--interactive", node, "bash", "-c", script)
	return strings.Fields(out), err
}

// PowerLoss ends all nodes at the same moment, without a word to what runs on them.
func (c *Cluster) PowerLoss(ctx context.Context) error {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	_, err = c.run(ctx, nil, "docker", append([]string{"kill"}, nodes...)...)
	return err
}

// PowerOn starts nodes that have lost their power, or all of them.
func (c *Cluster) PowerOn(ctx context.Context, nodes ...string) error {
	if len(nodes) == 0 {
		var err error
		if nodes, err = c.Nodes(ctx); err != nil {
			return err
		}
	}
	_, err := c.run(ctx, nil, "docker", append([]string{"start"}, nodes...)...)
	return err
}

// Gateway is the address of the machine in the nodes' network: what listens there is
// reached from nodes and pods.
func (c *Cluster) Gateway(ctx context.Context) (string, error) {
	out, err := c.run(ctx, nil, "docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
	for _, address := range strings.Fields(out) {
		if !strings.Contains(address, ":") {
			return address, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("the network of the nodes has no IPv4 gateway: %s", out)
	}
	return "", err
}

// run returns the standard output, and quotes both outputs when the command fails.
func (c *Cluster) run(ctx context.Context, stdin []byte, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}
