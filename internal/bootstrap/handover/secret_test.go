package handover

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/test/process"
	"github.com/tazzo/rebirth/test/relay"
)

const canary = "canary-c0ffee-hunter2"

// kubeconfigOf is a configuration as Talos gives it.
func kubeconfigOf(config *rest.Config) secret.Value {
	written, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: config.BearerToken, ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "c",
	})
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return secret.New(written)
}

func values(pairs ...string) map[string]secret.Value {
	data := map[string]secret.Value{}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = secret.New([]byte(pairs[i+1]))
	}
	return data
}

var _ = Describe("The Secret", func() {
	const name = "flux-system"
	var namespace string

	BeforeEach(func() {
		namespace = "flux-" + newName()
	})

	live := func(ctx context.Context) *corev1.Secret {
		got := &corev1.Secret{}
		ExpectWithOffset(1, admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, got)).To(Succeed())
		return got
	}
	apply := func(ctx context.Context, pairs ...string) (bool, error) {
		return ApplySecret(ctx, kubeconfigOf(plane.AdminConfig()), namespace, name, "Opaque", values(pairs...))
	}
	// flux takes the Secret over, as kustomize-controller does.
	flux := func(ctx context.Context, value string) {
		theirs := applycorev1.Secret(name, namespace).
			WithLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": name}).
			WithData(map[string][]byte{"identity": []byte(value)})
		ExpectWithOffset(1, admin.Apply(ctx, theirs, client.FieldOwner("kustomize-controller"), client.ForceOwnership)).To(Succeed())
	}

	It("is made, with its namespace, and without any mark of an owner", func(ctx context.Context) {
		changed, err := ApplySecret(ctx, kubeconfigOf(plane.AdminConfig()), namespace, name, "kubernetes.io/ssh-auth",
			values("ssh-privatekey", "line 1\r\nline 2\n", "known_hosts", "\x00\xff"))
		Expect(err).NotTo(HaveOccurred())
		Expect(changed).To(BeTrue())
		Expect(live(ctx).Data).To(Equal(map[string][]byte{"ssh-privatekey": []byte("line 1\r\nline 2\n"), "known_hosts": []byte("\x00\xff")}))
		Expect(live(ctx).Type).To(Equal(corev1.SecretTypeSSHAuth))
		Expect(live(ctx).Labels).To(BeEmpty())
		Expect(live(ctx).Annotations).To(BeEmpty())
		Expect(live(ctx).OwnerReferences).To(BeEmpty())
	})

	It("is made with a client certificate, which is what Talos gives", func(ctx context.Context) {
		config := plane.AdminConfig()
		config.BearerToken = ""
		config.CertData, config.KeyData = clientCA.admin()
		Expect(ApplySecret(ctx, kubeconfigOf(config), namespace, name, "Opaque", values("identity", "a"))).To(BeTrue())
		Expect(live(ctx).Data).To(HaveKeyWithValue("identity", []byte("a")))
	})

	It("is not written again while it is the same (B19)", func(ctx context.Context) {
		Expect(apply(ctx, "identity", "a")).To(BeTrue())
		before := live(ctx).ResourceVersion
		Expect(apply(ctx, "identity", "a")).To(BeFalse())
		Expect(live(ctx).ResourceVersion).To(Equal(before))
	})

	It("follows cluster.yaml, to the keys that it no longer has", func(ctx context.Context) {
		Expect(apply(ctx, "identity", "a", "old", "b")).To(BeTrue())
		Expect(apply(ctx, "identity", "c")).To(BeTrue())
		Expect(live(ctx).Data).To(Equal(map[string][]byte{"identity": []byte("c")}))
	})

	It("leaves a namespace that is there as it is", func(ctx context.Context) {
		Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"a": "b"}}})).To(Succeed())
		Expect(apply(ctx, "identity", "a")).To(BeTrue())
		got := &corev1.Namespace{}
		Expect(admin.Get(ctx, client.ObjectKey{Name: namespace}, got)).To(Succeed())
		Expect(got.Labels).To(HaveKeyWithValue("a", "b"))
		for _, entry := range got.ManagedFields {
			Expect(entry.Manager).NotTo(Equal(fieldManager))
		}
	})

	It("may be adopted by Flux, and is then still the same (B19)", func(ctx context.Context) {
		Expect(apply(ctx, "identity", "a")).To(BeTrue())
		flux(ctx, "a")
		Expect(apply(ctx, "identity", "a")).To(BeFalse())
		Expect(live(ctx).Labels).To(HaveKey("kustomize.toolkit.fluxcd.io/name"))
	})

	It("is left to Flux once Flux has changed it, and whose it is is said", func(ctx context.Context) {
		Expect(apply(ctx, "identity", "a")).To(BeTrue())
		flux(ctx, "b")
		_, err := apply(ctx, "identity", canary)
		var taken *TakenError
		Expect(errors.As(err, &taken)).To(BeTrue(), "%v", err)
		Expect(taken).To(Equal(&TakenError{Namespace: namespace, Name: name, Managers: []string{"kustomize-controller"}, Fields: []string{".data.identity"}}))
		Expect(err).To(MatchError(HavePrefix("Secret " + namespace + "/flux-system belongs to kustomize-controller by now, and differs in .data.identity: it is left as it is.")))
		Expect(err).To(MatchError(Not(ContainSubstring(canary))))
		Expect(live(ctx).Data).To(HaveKeyWithValue("identity", []byte("b")))
	})

	It("is left to whoever has made it otherwise", func(ctx context.Context) {
		Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: map[string]string{"identity": "theirs"}}
		Expect(admin.Create(ctx, theirs, client.FieldOwner("kubectl-create"))).To(Succeed())
		_, err := apply(ctx, "identity", "ours")
		Expect(err).To(MatchError(ContainSubstring("belongs to kubectl-create by now")))
		Expect(live(ctx).Data).To(HaveKeyWithValue("identity", []byte("theirs")))
	})

	It("is not made by who has no right to, and that is said at once", func(ctx context.Context) {
		Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		Expect(admin.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "nobody"}})).To(Succeed())
		nobody, err := plane.ServiceAccountConfig(ctx, namespace, "nobody")
		Expect(err).NotTo(HaveOccurred())
		_, err = ApplySecret(ctx, kubeconfigOf(nobody), namespace, name, "Opaque", values("identity", canary))
		Expect(err).To(MatchError(HavePrefix("apply Secret " + namespace + "/flux-system: the kubeconfig that Talos gave has no right to do it: ")))
	}, SpecTimeout(10*time.Second))

	It("is not in the error, even if the API repeats it", func(ctx context.Context) {
		_, err := ApplySecret(ctx, kubeconfigOf(plane.AdminConfig()), namespace, name, "Opaque", values("not/a/key/"+canary, canary))
		Expect(err).To(MatchError(ContainSubstring("correct handOver.secret")))
		Expect(err).To(MatchError(Not(ContainSubstring(canary))))
	})

	It("of another type than the one that is there is refused, with the way out", func(ctx context.Context) {
		Expect(apply(ctx, "identity", "a")).To(BeTrue())
		_, err := ApplySecret(ctx, kubeconfigOf(plane.AdminConfig()), namespace, name, "example.com/key", values("identity", "a"))
		Expect(err).To(MatchError(ContainSubstring("if only its type has changed, delete the Secret first")))
	})

	It("waits for a namespace of a former life to be gone", func(ctx context.Context) {
		holder := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "holder", Finalizers: []string{"example.com/hold"}}}
		former := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Expect(admin.Create(ctx, former)).To(Succeed())
		Expect(admin.Create(ctx, holder)).To(Succeed())
		Expect(admin.Delete(ctx, former)).To(Succeed())

		done := applyInBackground(ctx, kubeconfigOf(plane.AdminConfig()), namespace, name)
		Eventually(done.clock.HasWaiters).Should(BeTrue())
		Expect(done.ended.Load()).To(BeFalse())
		holder.Finalizers = nil
		Expect(admin.Update(ctx, holder)).To(Succeed())
		Eventually(func(ctx context.Context) error {
			return admin.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{})
		}).WithContext(ctx).ShouldNot(Succeed())
		done.again()
		Expect(done.err).NotTo(HaveOccurred())
		Expect(live(ctx).Data).To(HaveKey("identity"))
	}, SpecTimeout(time.Minute))

	Describe("while the API does not answer", func() {
		It("is waited with, until it does", func(ctx context.Context) {
			way, config := newRelay()
			done := applyInBackground(ctx, kubeconfigOf(config), namespace, name)
			Eventually(done.clock.HasWaiters).Should(BeTrue())
			Expect(way.Resume(relay.TCP)).To(Succeed())
			done.again()
			Expect(done.err).NotTo(HaveOccurred())
			Expect(done.changed).To(BeTrue())
		}, SpecTimeout(time.Minute))

		It("is given up when time is up, with the cause", func(ctx context.Context) {
			_, config := newRelay()
			short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			defer cancel()
			_, err := ApplySecret(short, kubeconfigOf(config), namespace, name, "Opaque", values("identity", canary))
			Expect(err).To(MatchError(And(HavePrefix("apply Secret "+namespace+"/flux-system: "), ContainSubstring("connection refused"))))
			Expect(err).To(MatchError(context.DeadlineExceeded))
		})

		It("is given up at once when asked to", func(ctx context.Context) {
			_, config := newRelay()
			stopped, cancel := context.WithCancel(ctx)
			cancel()
			_, err := ApplySecret(stopped, kubeconfigOf(config), namespace, name, "Opaque", values("identity", canary))
			Expect(err).To(MatchError(context.Canceled))
		})

		It("is not sent to who has another certificate", func(ctx context.Context) {
			stranger := plane.AdminConfig()
			stranger.CAData = nil
			_, err := ApplySecret(ctx, kubeconfigOf(stranger), namespace, name, "Opaque", values("identity", canary))
			Expect(err).To(MatchError(ContainSubstring("certificate signed by unknown authority")))
		}, SpecTimeout(10*time.Second))
	})

	It("is not applied with what is no kubeconfig, of which nothing is said", func(ctx context.Context) {
		for _, text := range []string{canary, "users: [" + canary + "]", "apiVersion: v1\nkind: Config\ncurrent-context: " + canary} {
			_, err := ApplySecret(ctx, secret.New([]byte(text)), namespace, name, "Opaque", nil)
			Expect(err).To(MatchError("the kubeconfig that Talos gave can't be read"))
		}
	})
})

var number atomic.Int64

func newName() string { return string('a' + rune(number.Add(1)-1)) }

// background is an application that goes on while the spec does something else.
type background struct {
	clock   *testingclock.FakeClock
	ended   atomic.Bool
	changed bool
	err     error
}

func applyInBackground(ctx context.Context, file secret.Value, namespace, name string) *background {
	api, err := connect(file)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	b := &background{clock: testingclock.NewFakeClock(time.Unix(0, 0))}
	a := applier{api: api, clock: b.clock, namespace: namespace, name: name, secretType: "Opaque", data: values("identity", "a")}
	go func() {
		b.changed, b.err = a.untilAnswered(ctx)
		b.ended.Store(true)
	}()
	return b
}

// again lets the next pauses be over, until all is done.
func (b *background) again() {
	EventuallyWithOffset(1, func() bool {
		if b.clock.HasWaiters() {
			b.clock.Step(pause)
		}
		return b.ended.Load()
	}).Should(BeTrue())
}

// newRelay is a way to the API server that refuses, until it is resumed.
func newRelay() (*relay.Relay, *rest.Config) {
	port, err := process.FreePort()
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	address := fmt.Sprintf("127.0.0.1:%d", port)
	config := plane.AdminConfig()
	server, err := url.Parse(config.Host)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	way, err := relay.Start(address, server.Host)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	DeferCleanup(way.Stop)
	ExpectWithOffset(1, way.Refuse(relay.TCP)).To(Succeed())
	config.Host = "https://" + address
	return way, config
}
