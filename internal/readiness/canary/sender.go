package canary

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/pods"
)

// Sender sends canary pods. It is safe for concurrent use.
type Sender struct {
	Client client.Client
	// Live reads from the API server: a cache may not show yet what was just made.
	Live     client.Reader
	Template Template

	// mu keeps two gates from both taking the last place.
	mu sync.Mutex
}

// Send sends canary pods to as many of the nodes as may get one now. It returns why
// none could be sent, by node.
func (s *Sender) Send(ctx context.Context, now time.Time, wants []Want) (unsent map[string]string) {
	if len(wants) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unsent = map[string]string{}
	var canaries corev1.PodList
	err := s.Live.List(ctx, &canaries, client.InNamespace(s.Template.Namespace), client.MatchingLabels{pods.ComponentLabel: pods.CanaryComponent})
	if err != nil {
		for _, w := range wants {
			unsent[w.Node] = fmt.Sprintf("canary pods can't be listed: %s", err)
		}
		return unsent
	}
	for _, w := range plan(now, wants, canaries.Items) {
		err := s.Client.Create(ctx, s.Template.pod(w), client.FieldOwner(fieldOwner))
		switch {
		case apierrors.IsAlreadyExists(err): // by a list that was stale
		case err != nil:
			unsent[w.Node] = fmt.Sprintf("a canary pod can't be sent: %s", err)
		default:
			ctrl.LoggerFrom(ctx).V(1).Info("canary pod sent", "node", w.Node, "pod", w.name())
		}
	}
	return unsent
}
