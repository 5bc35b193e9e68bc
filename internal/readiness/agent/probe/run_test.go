package probe

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// peers stand for other agents: they answer when they are let, and count.
type peers struct {
	answer  func(ctx context.Context, target client.Target) error
	mu      sync.Mutex
	running int
	most    int
	sizes   map[int]bool
}

func (p *peers) Echo(ctx context.Context, target client.Target, payload []byte) error {
	p.mu.Lock()
	p.running++
	p.most = max(p.most, p.running)
	if p.sizes == nil {
		p.sizes = map[int]bool{}
	}
	p.sizes[len(payload)] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.running--
		p.mu.Unlock()
	}()
	return p.answer(ctx, target)
}

// echoes asks for that many of them.
func echoes(count int, timeout, each time.Duration) wire.Request {
	request := wire.Request{Timeout: timeout}
	for i := range count {
		request.Probes = append(request.Probes, wire.Probe{
			ID: fmt.Sprint(i), Kind: wire.KindEcho, Timeout: each,
			Echo: &wire.Echo{Address: at("127.0.0.1:1"), Node: fmt.Sprintf("node-%d", i), Payload: wire.DefaultPayload},
		})
	}
	return request
}

var _ = Describe("many probes", func() {
	It("are answered in their order", func(ctx context.Context) {
		echoer := &peers{answer: func(_ context.Context, target client.Target) error {
			if target.Node == "node-3" {
				return &client.Error{Class: client.WrongNode, Reason: wire.WrongPeer, Message: "another one"}
			}
			return nil
		}}
		results := Prober{Echoer: echoer, Clock: clock.RealClock{}}.Run(ctx, echoes(wire.MaxProbes, time.Minute, time.Second))
		Expect(results).To(HaveLen(wire.MaxProbes))
		for i, result := range results {
			Expect(result.ID).To(Equal(fmt.Sprint(i)))
			Expect(result.OK).To(Equal(i != 3))
		}
		Expect(results[3]).To(fails(wire.WrongPeer, "another one"))
		Expect(echoer.sizes).To(Equal(map[int]bool{wire.DefaultPayload: true}))
	})

	It("run some at a time, and no more", func(ctx context.Context) {
		var echoer *peers
		full := make(chan struct{})
		var once sync.Once
		echoer = &peers{answer: func(ctx context.Context, _ client.Target) error {
			echoer.mu.Lock()
			running := echoer.running
			echoer.mu.Unlock()
			if running == parallel {
				once.Do(func() { close(full) })
			}
			select {
			case <-full:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		results := Prober{Echoer: echoer, Clock: clock.RealClock{}}.Run(ctx, echoes(wire.MaxProbes, time.Minute, 10*time.Second))
		Expect(results).To(HaveEach(succeeds()))
		Expect(echoer.most).To(Equal(parallel))
	})

	It("are NotDone if the time for all ends first", func(ctx context.Context) {
		echoer := &peers{answer: func(ctx context.Context, _ client.Target) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		results := Prober{Echoer: echoer, Clock: clock.RealClock{}}.Run(ctx, echoes(parallel+1, 50*time.Millisecond, 20*time.Second))
		Expect(results[:parallel]).To(HaveEach(fails(wire.NotDone, "before this one's")))
		Expect(results[parallel]).To(fails(wire.NotDone, "before this one had its turn"))
	})

	It("each have a deadline", func(ctx context.Context) {
		echoer := &peers{answer: func(ctx context.Context, target client.Target) error {
			if target.Node != "node-0" {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		results := Prober{Echoer: echoer, Clock: clock.RealClock{}}.Run(ctx, echoes(3, time.Minute, 50*time.Millisecond))
		Expect(results[0]).To(fails(wire.Timeout, "no answer in time"))
		Expect(results[1:]).To(HaveEach(succeeds()))
	})

	It("may be none", func(ctx context.Context) {
		Expect(Prober{Echoer: noPeers{}, Clock: clock.RealClock{}}.Run(ctx, wire.Request{Timeout: time.Second})).To(BeEmpty())
	})
})
