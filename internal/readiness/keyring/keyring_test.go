package keyring_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/keyring"
)

func TestKeyring(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "readiness/keyring")
}

var secretName = client.ObjectKey{Namespace: "rebirth", Name: "agent-key"}

// world is a keyring that runs, on an API server with these objects.
type world struct {
	api   client.Client
	keys  *keyring.Keyring
	clock *clocktesting.FakeClock
}

func run(funcs interceptor.Funcs, objects ...client.Object) world {
	w := world{api: fake.NewClientBuilder().WithInterceptorFuncs(funcs).WithObjects(objects...).Build(), clock: clocktesting.NewFakeClock(time.Unix(0, 0))}
	w.keys = &keyring.Keyring{Client: w.api, Live: w.api, Clock: w.clock, Namespace: secretName.Namespace, Name: secretName.Name}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.keys.Start(ctx) }()
	DeferCleanup(func() { cancel(); Expect(<-done).To(Succeed()) })
	return w
}

// tick lets the time pass until the Secret is read again.
func (w world) tick() {
	GinkgoHelper()
	Eventually(w.clock.HasWaiters).Should(BeTrue())
	w.clock.Step(10 * time.Second)
}

func (w world) secret(ctx context.Context) *corev1.Secret {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(w.api.Get(ctx, secretName, secret)).To(Succeed())
	return secret
}

func secret(data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretName.Namespace, Name: secretName.Name}, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

// parsed are the keys as agents read them from the mounted Secret.
func parsed(secrets ...[]byte) wire.Keys {
	GinkgoHelper()
	keys, err := wire.ParseKeys(secrets...)
	Expect(err).NotTo(HaveOccurred())
	return keys
}

var _ = Describe("The key that controller and agents share", func() {
	const first, second = "first-key-of-thirty-two-bytes-00", "second-key-of-thirty-two-bytes-0"

	It("is made where there is none", func(ctx SpecContext) {
		w := run(interceptor.Funcs{})
		Eventually(w.keys.Keys).ShouldNot(BeEmpty())
		made := w.secret(ctx).Data[keyring.Present]
		Expect(len(made)).To(BeNumerically(">=", 32))
		Expect(w.keys.Keys()).To(Equal(parsed(made)))
		other := run(interceptor.Funcs{})
		Eventually(other.keys.Keys).ShouldNot(BeEmpty())
		Expect(other.secret(ctx).Data[keyring.Present]).NotTo(Equal(made))
	})

	It("is the one that is there, and the previous one is accepted too", func() {
		w := run(interceptor.Funcs{}, secret(map[string]string{keyring.Present: second, keyring.Previous: first}))
		Eventually(w.keys.Keys).Should(Equal(parsed([]byte(second), []byte(first))))
	})

	It("is followed when somebody replaces it", func(ctx SpecContext) {
		w := run(interceptor.Funcs{}, secret(map[string]string{keyring.Present: first}))
		Eventually(w.keys.Keys).Should(Equal(parsed([]byte(first))))
		changed := w.secret(ctx)
		changed.Data = map[string][]byte{keyring.Present: []byte(second), keyring.Previous: []byte(first)}
		Expect(w.api.Update(ctx, changed)).To(Succeed())
		w.tick()
		Eventually(w.keys.Keys).Should(Equal(parsed([]byte(second), []byte(first))))
	})

	It("is made anew when somebody deletes it, and the old one is accepted no longer", func(ctx SpecContext) {
		w := run(interceptor.Funcs{}, secret(map[string]string{keyring.Present: first}))
		Eventually(w.keys.Keys).Should(Equal(parsed([]byte(first))))
		Expect(w.api.Delete(ctx, w.secret(ctx))).To(Succeed())
		w.tick()
		Eventually(w.keys.Keys).ShouldNot(Equal(parsed([]byte(first))))
		Expect(w.keys.Keys()).To(Equal(parsed(w.secret(ctx).Data[keyring.Present])))
	})

	It("that can't be used is named, with the way out, and not printed", func() {
		w := run(interceptor.Funcs{}, secret(map[string]string{keyring.Present: "hunter2"}))
		Eventually(func() string { _, err := w.keys.Keys(); return fmt.Sprint(err) }).Should(ContainSubstring("Secret rebirth/agent-key, is none: delete that Secret"))
		_, err := w.keys.Keys()
		Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
	})

	It("stays in use while it can't be read, and it is said why there is none", func() {
		var refusing atomic.Bool
		w := run(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if refusing.Load() {
				return fmt.Errorf("timeout")
			}
			return c.Get(ctx, key, o, options...)
		}}, secret(map[string]string{keyring.Present: first}))
		Eventually(w.keys.Keys).Should(Equal(parsed([]byte(first))))
		refusing.Store(true)
		w.tick()
		Consistently(w.keys.Keys).WithTimeout(100 * time.Millisecond).Should(Equal(parsed([]byte(first))))

		none := run(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return fmt.Errorf("timeout")
		}})
		Eventually(func() string { _, err := none.keys.Keys(); return fmt.Sprint(err) }).Should(Equal("reading Secret rebirth/agent-key: timeout"))
	})
})
