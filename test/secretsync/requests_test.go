package secretsync_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// requests stands between one instance and the API server: it notes what the
// instance asks for, and can cut it off before one of its writes.
type requests struct {
	mu    sync.Mutex
	seen  []string
	armed bool
	left  int
	cut   bool
}

var errCut = errors.New("this instance was killed")

// wrap is for settings.wrap.
func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if !r.admit(request) {
			return nil, errCut
		}
		return next.RoundTrip(request)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// cutAfter lets n more writes through; the next one and whatever comes after it
// fails, as for a process that died between two writes.
func (r *requests) cutAfter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed, r.left = true, n
}

func (r *requests) isCut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut
}

func (r *requests) admit(request *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if writes(request) && r.armed {
		r.cut = r.cut || r.left == 0
		r.left--
	}
	if r.cut {
		return false
	}
	if !strings.Contains(request.URL.RawQuery, "watch=true") {
		r.seen = append(r.seen, request.Method+" "+request.URL.Path)
	}
	return true
}

// all returns every request so far but watches.
func (r *requests) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// written returns the writes so far, less events and Leases: those come when they
// come, and nothing depends on them.
func (r *requests) written() []string {
	return slices.DeleteFunc(r.all(), func(line string) bool {
		return strings.HasPrefix(line, http.MethodGet) || passing(line)
	})
}

func writes(request *http.Request) bool {
	return request.Method != http.MethodGet && !passing(request.URL.Path)
}

func passing(path string) bool {
	return strings.Contains(path, "/events") || strings.Contains(path, "/leases")
}

// reconciles is how often a controller of this process has reconciled so far.
func reconciles(controller string) func(Gomega) float64 {
	return func(g Gomega) float64 {
		families, err := metrics.Registry.Gather()
		g.Expect(err).NotTo(HaveOccurred())
		total := 0.0
		for _, family := range families {
			if family.GetName() != "controller_runtime_reconcile_total" {
				continue
			}
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetLabel() {
					if label.GetName() == "controller" && label.GetValue() == controller {
						total += metric.GetCounter().GetValue()
					}
				}
			}
		}
		return total
	}
}

// expectQuiet expects that the writes come to an end, and then none, and next to no
// reconcile, for two seconds: a loop without back-off has hundreds.
func expectQuiet(log *requests) {
	GinkgoHelper()
	seen := -1
	Eventually(func() bool {
		before := seen
		seen = len(log.written())
		return seen == before
	}).WithPolling(500*time.Millisecond).Should(BeTrue(), "it goes on writing")
	exports, imports, all := reconciles("secretexport")(Default), reconciles("secretimport")(Default), len(log.all())
	Consistently(func(g Gomega) {
		g.Expect(log.written()).To(HaveLen(seen))
		g.Expect(reconciles("secretexport")(g)).To(BeNumerically("<=", exports+3))
		g.Expect(reconciles("secretimport")(g)).To(BeNumerically("<=", imports+3))
		g.Expect(len(log.all())).To(BeNumerically("<=", all+10))
	}).WithTimeout(2 * time.Second).Should(Succeed())
}
