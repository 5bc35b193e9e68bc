package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/talos"
)

// bootstrapping is measured against a data centre on loopback: the fakes of Proxmox
// and Talos take their time, and nodes join no tailnet, for fifty of Tailscale's
// daemons on one machine would be what is measured.
var bootstrapping = subject{
	names: []string{"bootstrap-size", "bootstrap-nodes"},
	run: func(ctx context.Context, b *bench) error {
		binary, err := b.build(ctx, "bootstrap")
		if err != nil {
			return err
		}
		return inTurn(ctx, b, binary,
			measurement[string]{"bootstrap-size", b.bootstrapSize},
			measurement[string]{"bootstrap-nodes", b.bootstrapNodes},
		)
	},
}

const (
	bootstrapSizeBudget  = 40_000_000
	bootstrapNodesBudget = 1.5
	// nodesPerHost are more than a host imports disks for at the same time.
	nodesPerHost = 5
)

// Times of the fakes: about a tenth of what a small data centre takes.
var (
	proxmoxTimes = map[string]time.Duration{
		"download": 3 * time.Second, "import": 2 * time.Second,
		"qmcreate": time.Second, "resize": 200 * time.Millisecond, "qmstart": 500 * time.Millisecond,
	}
	talosTimes = talos.Times{
		Boot: 3 * time.Second, HandOver: 2 * time.Second, Services: time.Second, Etcd: time.Second, StaticPods: 3 * time.Second,
	}
)

func (b *bench) bootstrapSize(_ context.Context, binary string) error {
	file, err := os.Stat(binary)
	if err != nil {
		return err
	}
	b.add(figures.AtMost("bootstrap's binary, static and stripped", file.Size(), bootstrapSizeBudget, figures.MB))
	return nil
}

// bootstrapNodes creates a cluster of one node, and one of many. Whatever many nodes
// cost more than one is waiting for one another.
func (b *bench) bootstrapNodes(ctx context.Context, binary string) error {
	alone, err := b.create(ctx, binary, 1)
	if err != nil {
		return err
	}
	many, err := b.create(ctx, binary, b.sizes.nodes)
	if err != nil {
		return err
	}
	cluster := fmt.Sprintf("bootstrap of %d nodes on %d hosts", b.sizes.nodes, b.sizes.nodes/nodesPerHost)
	b.add(
		figures.Plain("bootstrap of one node", figures.Seconds(alone.took)),
		figures.Plain(cluster, figures.Seconds(many.took)),
		figures.Plain("the steps of the slowest of these nodes", fmt.Sprintf("%s (%s)", figures.Seconds(many.slowest), many.node)),
		figures.AtMost(cluster+", ratio to the steps of its slowest node", figures.Ratio(many.took, many.slowest), bootstrapNodesBudget, figures.Times),
		figures.AtMost(cluster+", ratio to that of one node", figures.Ratio(many.took, alone.took), bootstrapNodesBudget, figures.Times),
	)
	return nil
}

// creation is how long a create took.
type creation struct {
	// took is from the process's start to its end.
	took time.Duration
	// node is the one whose own steps took longest, and slowest how long.
	node    string
	slowest time.Duration
}

func (b *bench) create(ctx context.Context, binary string, nodes int) (made creation, err error) {
	b.progress.say("creating a cluster; nodes: %d", nodes)
	options := dayzero.Options{
		Dir: filepath.Join(b.dir, fmt.Sprintf("nodes-%d", nodes)), Subnet: 100,
		ControlPlanes: 1, Workers: nodes - 1, Hosts: []string{"pve1"}, WithoutTailnet: true,
		Times: talosTimes, TaskTimes: proxmoxTimes,
	}
	for len(options.Hosts) < nodes/nodesPerHost {
		options.Hosts = append(options.Hosts, fmt.Sprintf("pve%d", len(options.Hosts)+1))
	}
	if err := os.Mkdir(options.Dir, 0o700); err != nil {
		return creation{}, err
	}
	world, err := dayzero.Start(ctx, options)
	if err != nil {
		return creation{}, err
	}
	defer func() { err = errors.Join(err, world.Stop()) }()
	began := time.Now()
	result, err := world.Run(ctx, dayzero.Built(binary), "create", "--discard-credentials", "--output", "json")
	if err != nil {
		return creation{}, err
	}
	made.took = time.Since(began)
	if result.ExitCode != 0 {
		return creation{}, fmt.Errorf("bootstrap create: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	made.node, made.slowest, err = figures.SlowestNode(strings.NewReader(result.Stdout))
	return made, err
}
