package secrets

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/demo/show"
)

// grafana plays Grafana and the kubelet of its node: what runs in a pod's name really
// logs in to PostgreSQL.
type grafana struct {
	ctx       context.Context // every process ends with it
	client    client.Client
	world     *show.World[World]
	passwords *Passwords
	// host and port stand for the database's Service, which no pod could reach.
	host string
	port int
	// startup is how long a container takes to start.
	startup time.Duration

	mu      sync.Mutex
	running map[types.UID]context.CancelFunc
	started int
	all     sync.WaitGroup
}

// retry is how often Grafana opens a connection, and a kubelet looks for a Secret.
const retry = 200 * time.Millisecond

// container is what Grafana's container holds from its start to its end.
type container struct {
	number   int
	user     string
	password string
	ca       []byte
	started  metav1.Time
}

// run starts the pod's process, once.
func (g *grafana) run(pod *corev1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running == nil {
		g.running = map[types.UID]context.CancelFunc{}
	}
	if _, known := g.running[pod.UID]; known || g.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(g.ctx)
	g.running[pod.UID] = cancel
	g.all.Go(func() { g.live(ctx, pod.DeepCopy()) })
}

// stop ends the pod's process.
func (g *grafana) stop(pod types.UID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if cancel, known := g.running[pod]; known {
		cancel()
	}
}

// live is the life of one pod.
func (g *grafana) live(ctx context.Context, pod *corev1.Pod) {
	show.Wait(ctx, g.startup)
	p, err := g.start(ctx)
	for ; err != nil; p, err = g.start(ctx) {
		if !show.Wait(ctx, retry) { // a Secret that is missing: CreateContainerConfigError
			return
		}
	}
	ready := false
	g.report(ctx, pod, p, ready)
	for {
		state := g.login(ctx, p)
		if ctx.Err() != nil {
			return
		}
		g.show(p, state)
		if ready != (state == loggedIn) {
			ready = !ready
			g.report(ctx, pod, p, ready)
		}
		show.Wait(ctx, retry)
	}
}

// start reads the Secret as a kubelet does for a container's environment and
// volumes.
func (g *grafana) start(ctx context.Context) (container, error) {
	secret := &corev1.Secret{}
	if err := g.client.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: secretName}, secret); err != nil {
		return container{}, err
	}
	g.mu.Lock()
	g.started++
	number := g.started
	g.mu.Unlock()
	p := container{number: number, started: metav1.Now(), ca: secret.Data["ca.crt"],
		user: string(secret.Data["user"]), password: string(secret.Data["password"])}
	g.world.Update(func(w *World) {
		w.Grafana = Process{Number: number, Password: g.passwords.Label(secret.Data["password"])}
	})
	return p, nil
}

// show shows the login of the newest process only: an older one is on its way out.
func (g *grafana) show(p container, state LoginState) {
	g.world.Update(func(w *World) {
		if w.Grafana.Number == p.number {
			w.Grafana.Login = state
		}
	})
}

// login opens one connection, as sslmode=verify-full and no fallback would.
func (g *grafana) login(ctx context.Context, p container) LoginState {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.ca) {
		return withoutCA
	}
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return unreachable
	}
	config.Host, config.Port = g.host, uint16(g.port)
	config.User, config.Password, config.Database = p.user, p.password, p.user
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: g.host, MinVersion: tls.VersionTLS12}
	config.ConnectTimeout = 2 * time.Second
	conn, err := pgx.ConnectConfig(ctx, config)
	var answer *pgconn.PgError
	switch {
	case err == nil:
		_ = conn.Close(ctx)
		return loggedIn
	case errors.As(err, &answer) && answer.Code == "28P01":
		return refused
	default:
		return unreachable
	}
}

// report writes the pod's status. A pod that is gone needs none.
func (g *grafana) report(ctx context.Context, pod *corev1.Pod, p container, ready bool) {
	after, condition := pod.DeepCopy(), corev1.ConditionFalse
	if ready {
		condition = corev1.ConditionTrue
	}
	after.Status.Phase, after.Status.StartTime = corev1.PodRunning, &p.started
	after.Status.Conditions = nil
	for _, kind := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady} {
		after.Status.Conditions = append(after.Status.Conditions, corev1.PodCondition{Type: kind, Status: condition, LastTransitionTime: metav1.Now()})
	}
	after.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "grafana", Ready: ready, Started: &ready, Image: pod.Spec.Containers[0].Image,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.started}},
	}}
	err := g.client.Status().Patch(ctx, after, client.MergeFrom(pod))
	if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		g.world.Note(show.Bad, playedGrafana, "the status of pod %s can't be written: %s", pod.Name, err)
	}
}
