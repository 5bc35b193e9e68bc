package talos_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	talosx509 "github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

var _ = Describe("The cluster's secrets", func() {
	It("survive in the form of talosctl gen secrets", func() {
		made, err := talos.NewSecrets("v1.13.9", secret.Value{}, time.Now())
		Expect(err).NotTo(HaveOccurred())
		written, err := made.Marshal()
		Expect(err).NotTo(HaveOccurred())
		text := string(written.Bytes())
		Expect(text).To(And(HavePrefix("cluster:"), ContainSubstring("\ntrustdinfo:"), ContainSubstring("\ncerts:")))

		again, err := talos.ParseSecrets(secret.New([]byte(text)), secret.Value{}, time.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(yamlOf(generate(cluster(), again)[controlPlane])).To(Equal(yamlOf(generate(cluster(), made)[controlPlane])))
	})

	It("are refused with all of their faults, and without their words", func() {
		token := strings.Fields(bundle[strings.Index(bundle, "bootstraptoken:"):])[1]
		text := strings.Replace(bundle, "bootstraptoken:", "forgotten:", 1)
		text = strings.Replace(text, "trustdinfo:", "lost:", 1)
		_, err := talos.ParseSecrets(secret.New([]byte(text)), secret.Value{}, time.Now())
		Expect(err).To(MatchError(And(
			ContainSubstring("talos.secrets: secrets.bootstraptoken is required"),
			ContainSubstring("talos.secrets: trustdinfo is required"),
			Not(ContainSubstring(token)),
		)))
	})

	DescribeTable("are refused if they are something else, without being quoted",
		func(text string) {
			_, err := talos.ParseSecrets(secret.New([]byte(text)), secret.Value{}, time.Now())
			Expect(err).To(MatchError(And(HavePrefix("talos.secrets: "), Not(ContainSubstring(canary)))))
		},
		Entry("text", canary),
		Entry("a list", "- "+canary),
		Entry("a field of the wrong kind", "cluster: "+canary),
		Entry("a certificate that is none", "certs: {etcd: {crt: "+canary+"}}"),
		Entry("nothing", "{}"),
	)

	It("take a ServiceAccount key that outlives the cluster", func() {
		key := ecdsaKey()
		s, err := talos.ParseSecrets(secret.New([]byte(bundle)), secret.New([]byte(key)), time.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(string(read(generate(cluster(), s)[controlPlane]).Cluster().ServiceAccount().Key)).To(Equal(key))
	})

	It("refuse a ServiceAccount key that Kubernetes can't use", func() {
		_, err := talos.ParseSecrets(secret.New([]byte(bundle)), secret.New([]byte(canary)), time.Now())
		Expect(err).To(MatchError("talos.serviceAccountKey: not the PEM of a private key"))
		ed25519, err := talosx509.NewEd25519Key()
		Expect(err).NotTo(HaveOccurred())
		_, err = talos.ParseSecrets(secret.New([]byte(bundle)), secret.New(ed25519.GetPrivateKeyPEM()), time.Now())
		Expect(err).To(MatchError(ContainSubstring("RSA and ECDSA")))
	})

	It("print as nothing", func() {
		s := clusterSecrets()
		Expect(fmt.Sprintf("%v %+v %#v %s", s, s, s, s)).To(Equal(strings.TrimSpace(strings.Repeat(secret.Redacted+" ", 4))))
		printed, err := json.Marshal(map[string]any{"secrets": s})
		Expect(err).NotTo(HaveOccurred())
		Expect(string(printed)).To(Equal(`{"secrets":"` + secret.Redacted + `"}`))
	})
})

var _ = Describe("The talosconfig", func() {
	It("is for the control planes, and is signed by the cluster's authority", func() {
		s := clusterSecrets()
		data, err := talos.Talosconfig(cluster(), s)
		Expect(err).NotTo(HaveOccurred())
		config, err := clientconfig.FromBytes(data.Bytes())
		Expect(err).NotTo(HaveOccurred())
		context := config.Contexts["tazlab"]
		Expect(config.Context).To(Equal("tazlab"))
		Expect(context.Endpoints).To(Equal([]string{"192.168.1.71"}))

		certificate, err := client.CertificateFromConfigContext(context)
		Expect(err).NotTo(HaveOccurred())
		Expect(verify(certificate, context.CA)).To(Succeed())
	})
})

func verify(certificate *tls.Certificate, authority string) error {
	GinkgoHelper()
	roots := x509.NewCertPool()
	decoded, err := base64.StdEncoding.DecodeString(authority)
	Expect(err).NotTo(HaveOccurred())
	Expect(roots.AppendCertsFromPEM(decoded)).To(BeTrue())
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	Expect(err).NotTo(HaveOccurred())
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

func ecdsaKey() string {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.MarshalECPrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
