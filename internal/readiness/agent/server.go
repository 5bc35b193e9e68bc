// Package agent is readiness-gate's agent: a pod on each node that tries, from the
// pod network, what the controller asks it to try, and returns to other agents what
// they send.
//
// The hazard: any pod of the cluster can connect to it. So a request is judged by
// its signed headers before a byte of its body is read, for probes and echoes alike.
// Echoes could do without (over TCP, byte for byte, they amplify nothing), but a
// signed echo is also the proof that an agent sent it back, and the one of the right
// node: with two nodes of one pod CIDR, somebody else answers. Who has no key costs
// at most a few connections and kilobytes for two seconds, and keeps nobody else away,
// the kubelet included: an address has few connections, and where all are taken, the
// oldest that has shown no signature makes room.
//
// Agents hold no credential of the API and read nothing of it.
package agent

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/probe"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

const (
	// DefaultPort is where agents listen.
	DefaultPort = 8475

	maxProbeRuns    = 2  // the leader's, and that of the one before it
	maxEchoes       = 48 // of three gates with the largest fanout, or sixteen with the usual one
	headerTimeout   = 2 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = readTimeout + wire.MaxRun + 10*time.Second
	shutdownTimeout = 10 * time.Second
	maxHeaders      = 8 << 10
)

// Options of an agent.
type Options struct {
	// Node, PodUID and BootID are whom the agent says it is. Node decides whose
	// requests it takes.
	Node   string
	PodUID string
	BootID string
	// Keys are read for every request; see KeyFiles.
	Keys  func() (wire.Keys, error)
	Clock clock.PassiveClock
	Log   *slog.Logger
}

// Serve serves on the listener, and closes it, until the context ends; then it gives
// requests that are under way a few seconds. It fails at once if it has no key.
func Serve(ctx context.Context, listener net.Listener, o Options) error {
	if _, err := o.Keys(); err != nil {
		listener.Close()
		return err
	}
	server := &http.Server{
		Handler:           newHandler(o),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeaders,
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false)
	served := make(chan error, 1)
	go func() { served <- server.Serve(&connections{Listener: listener}) }()
	o.Log.Info("serving", "address", listener.Addr().String(), "node", o.Node, "bootID", o.BootID)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return shutDown(server)
	}
}

func shutDown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		return server.Close()
	}
	return nil
}

func newHandler(o Options) http.Handler {
	a := &agent{
		Options: o,
		self:    wire.Agent{Node: o.Node, PodUID: o.PodUID, BootID: o.BootID, StartedAt: o.Clock.Now().UTC()},
		prober:  probe.Prober{Echoer: client.New(o.Keys, o.Clock), Clock: o.Clock},
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+wire.PathProbes, a.signed(wire.MaxBody, maxProbeRuns, a.probes))
	mux.Handle("POST "+wire.PathEcho, a.signed(wire.MaxPayload, maxEchoes, echo))
	mux.HandleFunc("GET "+wire.PathHealth, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET "+wire.PathReady, a.ready)
	return mux
}

type agent struct {
	Options
	self   wire.Agent
	prober probe.Prober
	nonces nonces
	logged sometimes
}

func (a *agent) probes(ctx context.Context, body []byte) ([]byte, *wire.Refusal) {
	request, err := wire.DecodeRequest(body)
	if err != nil {
		return nil, &wire.Refusal{Reason: wire.RefusedBadRequest, Message: err.Error()}
	}
	answer, err := wire.Response{Agent: a.self, Results: a.prober.Run(ctx, request)}.Encode()
	if err != nil {
		return nil, &wire.Refusal{Reason: wire.RefusedBadRequest, Message: err.Error()}
	}
	return answer, nil
}

func echo(_ context.Context, body []byte) ([]byte, *wire.Refusal) { return body, nil }

func (a *agent) ready(w http.ResponseWriter, _ *http.Request) {
	if _, err := a.Keys(); err != nil {
		http.Error(w, "there is no key that can be used: look at the agent's log", http.StatusServiceUnavailable)
		a.complain("not ready", "error", err)
	}
}
