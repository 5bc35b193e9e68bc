package talos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"k8s.io/utils/clock"
)

// Dialer reaches Talos on nodes. Its zero value is ready for use.
type Dialer struct {
	// Clock that waits go by; the real one by default.
	Clock clock.WithTicker
	// Interval between two looks at what is waited for; a second by default.
	Interval time.Duration
	// Timeout of one connection and of one answer; 5 s by default. Configurations
	// are given six times as long.
	Timeout time.Duration
}

// defaults fills in what is not set.
func (d Dialer) defaults() Dialer {
	if d.Clock == nil {
		d.Clock = clock.RealClock{}
	}
	if d.Interval == 0 {
		d.Interval = time.Second
	}
	if d.Timeout == 0 {
		d.Timeout = 5 * time.Second
	}
	return d
}

// target is a node that is spoken to.
type target struct {
	dialer  Dialer // with its defaults
	node    string
	address netip.Addr
}

func (d Dialer) target(node string, address netip.Addr) target {
	return target{dialer: d.defaults(), node: node, address: address}
}

// endpoint is where Talos' API listens.
func (t target) endpoint() string {
	return net.JoinHostPort(t.address.String(), strconv.Itoa(constants.ApidPort))
}

// connect makes a client. It connects with its first call, and again by itself.
func (t target) connect(ctx context.Context, config *tls.Config) (*client.Client, error) {
	c, err := client.New(ctx,
		client.WithEndpoints(t.endpoint()),
		client.WithTLSConfig(config),
		client.WithGRPCDialOptions(
			// Nodes are reached directly, and Observe looks at them so, too.
			grpc.WithNoProxy(),
			grpc.WithConnectParams(grpc.ConnectParams{
				// A node that boots is looked at again soon: by default gRPC would wait
				// for up to two minutes between two attempts.
				Backoff:           backoff.Config{BaseDelay: t.dialer.Interval / 4, Multiplier: 1.6, Jitter: 0.2, MaxDelay: t.dialer.Interval},
				MinConnectTimeout: t.dialer.Timeout,
			}),
		),
	)
	if err != nil {
		return nil, fmt.Errorf("node %s (%s): %w", t.node, t.address, err)
	}
	return c, nil
}

// within bounds one call.
func (t target) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, t.dialer.Timeout)
}

// withinLong bounds the sending of a configuration, which may be megabytes.
func (t target) withinLong(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 6*t.dialer.Timeout)
}

// waitUntil looks again and again until done says so or the context ends. What is
// still missing is reported whenever it changes, and is the error at the end.
func (t target) waitUntil(ctx context.Context, call string, report func(string), done func(context.Context) (missing string, err error)) error {
	ticker := t.dialer.Clock.NewTicker(t.dialer.Interval)
	defer ticker.Stop()
	last := "it has not answered once"
	for {
		missing, err := done(ctx)
		if err == nil && missing == "" {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		if missing != last && !t.over(ctx) {
			last = missing
			report(missing)
		}
		select {
		case <-ctx.Done():
			ended := &CallError{Node: t.node, Address: t.address, Call: call, Reason: TimedOut, Message: last, cause: context.Cause(ctx)}
			if errors.Is(ended.cause, context.Canceled) {
				ended.Reason, ended.Message = Failed, "interrupted; "+last
			}
			return ended
		case <-ticker.C():
		}
	}
}

// over says whether the context has ended, or its time is up and a call has noticed
// that a moment earlier: what such a call says is no news of the node.
func (t target) over(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && !t.dialer.Clock.Now().Before(deadline)
}
