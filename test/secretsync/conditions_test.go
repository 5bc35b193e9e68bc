package secretsync_test

import (
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

// beStalled matches an object that somebody has to mend, as it was last read.
func beStalled() types.GomegaMatcher {
	return And(haveTrue(meta.StalledCondition, true), haveTrue(meta.ReconcilingCondition, false))
}

// beWaiting matches an object that the course of events will bring on.
func beWaiting() types.GomegaMatcher {
	return And(haveTrue(meta.StalledCondition, false), haveTrue(meta.ReconcilingCondition, true))
}

func haveTrue(kind string, want bool) types.GomegaMatcher {
	return WithTransform(func(obj conditions.Getter) bool { return conditions.IsTrue(obj, kind) }, Equal(want))
}
