package spec_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// certificate is one in PEM, as openssl writes it.
func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func privateKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// oneLine has all of a certificate's base64 in one line.
func oneLine(certificate string) string {
	lines := strings.Split(strings.TrimSpace(certificate), "\n")
	last := len(lines) - 1
	return lines[0] + "\n" + strings.Join(lines[1:last], "") + "\n" + lines[last]
}

func quoted(text string) string { return strconv.Quote(text) }

// block is YAML's form of a text of several lines.
func block(style, text string) string {
	return style + "\n    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
}

var _ = Describe("A CA", func() {
	const begin = "-----BEGIN CERTIFICATE-----\n"
	one, two := certificate(), certificate()

	DescribeTable("is taken with odd newlines, and kept as it is (B7)",
		func(written, kept string) {
			Expect(decoded(with(after("proxmox:", "  ca: "+written))).Proxmox.CA).To(Equal(kept))
		},
		Entry("as openssl writes it", quoted(one), one),
		Entry("in a block", block("|", one), one),
		Entry("in a block without a last newline", block("|-", one), strings.TrimSuffix(one, "\n")),
		Entry("with the newlines of Windows", quoted(strings.ReplaceAll(one, "\n", "\r\n")), strings.ReplaceAll(one, "\n", "\r\n")),
		Entry("with newlines in front and behind", quoted("\n\n"+one+"\n\n"), "\n\n"+one+"\n\n"),
		Entry("with all of its base64 in one line", quoted(oneLine(one)), oneLine(one)),
		Entry("of two certificates", quoted(one+two), one+two),
		Entry("with a comment between", quoted(one+"# the old one\n"+two), one+"# the old one\n"+two),
	)

	It("is taken from a file with the newlines of Windows", func() {
		file := with(after("proxmox:", "  ca: "+block("|", one)))
		Expect(decoded(strings.ReplaceAll(file, "\n", "\r\n")).Proxmox.CA).To(Equal(one))
	})

	DescribeTable("is refused, with the way out, if it is",
		func(written, expected string) {
			Expect(problemsOf(with(after("proxmox:", "  ca: "+written)))).To(Equal("6:7: proxmox.ca: " + expected))
		},
		Entry("folded", block(">", one), "has a PEM block, number 1, that can't be read: keep its line breaks, in a block that begins with |"),
		Entry("cut off", quoted(one+two[:len(two)-20]), "has a PEM block, number 2, that can't be read: keep its line breaks, in a block that begins with |"),
		Entry("no PEM", "pve.lan", "has no PEM block: it begins with -----BEGIN CERTIFICATE-----"),
		Entry("a file's name", "/etc/ssl/ca.pem", "has no PEM block: it begins with -----BEGIN CERTIFICATE-----"),
		Entry("a certificate and its key", quoted(one+privateKey()), "holds a private key: take it out, and make a new one; certificates alone belong here"),
		Entry("another kind of PEM", quoted(strings.ReplaceAll(one, "CERTIFICATE", "PUBLIC KEY")), "has a PEM block, number 1, that is no certificate"),
		Entry("damaged", quoted(begin+"AAAA"+one[len(begin):]), "has a certificate, number 1, that can't be read: copy it anew"),
	)
})
