package cni_test

import (
	"fmt"
	"testing"

	"github.com/tazzo/rebirth/internal/readiness/cni"
)

// BenchmarkRead reads the signs on a thousand nodes.
func BenchmarkRead(b *testing.B) {
	o := flannel(func(o *cni.Objects) { o.Nodes, o.Pods = nil, nil })
	for i := range 1000 {
		o.Nodes = append(o.Nodes, node(fmt.Sprint("n", i)))
		o.Pods = append(o.Pods, podOf(&o.DaemonSets[0], fmt.Sprint("n", i)))
	}
	for b.Loop() {
		cni.Read(auto, o)
	}
}
