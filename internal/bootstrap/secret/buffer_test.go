package secret

import (
	"bytes"
	"strings"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Reading to the end", func() {
	It("keeps a text of any length whole", func() {
		for _, size := range []int{0, 1, 4095, 4096, 4097, 100_000, maxSize} {
			text := bytes.Repeat([]byte("s"), size)
			Expect(bytes.Equal(must(readAll(iotest.HalfReader(bytes.NewReader(text)))), text)).To(BeTrue())
		}
	})

	It("refuses what is longer than 1 MiB", func() {
		_, err := readAll(strings.NewReader(strings.Repeat("s", maxSize+1)))
		Expect(err).To(MatchError(errTooLong))
	})

	It("leaves no copy in the arrays that it outgrew", func() {
		var b buffer
		_, _ = b.Write(bytes.Repeat([]byte("s"), 4095))
		small := b.bytes
		Expect(small).To(HaveCap(4096))
		_, _ = b.Write([]byte("tu"))
		Expect(small).To(HaveEach(BeZero()))
		Expect(b.bytes).To(HaveLen(4097))
	})

	It("zeroes what it read before an error", func() {
		var seen []byte
		_, err := readAll(readerFunc(func(p []byte) (int, error) {
			seen = p
			return copy(p, "secret"), iotest.ErrTimeout
		}))
		Expect(err).To(MatchError(iotest.ErrTimeout))
		Expect(seen[:6]).To(HaveEach(BeZero()))
	})
})

var _ = DescribeTable("A newline at the end",
	func(text, kept string) { Expect(withoutNewline([]byte(text))).To(BeEquivalentTo(kept)) },
	Entry("is cut", "secret\n", "secret"),
	Entry("is cut as Windows writes it", "secret\r\n", "secret"),
	Entry("is not missed", "secret", "secret"),
	Entry("alone is nothing", "\n", ""),
	Entry("is cut, and no space with it", " secret \n", " secret "),
	Entry("of a PEM is kept", "-----BEGIN\nAAAA\n-----END\n", "-----BEGIN\nAAAA\n-----END\n"),
	Entry("of a PEM with odd newlines is kept", "-----BEGIN\r\nAAAA\r\n-----END\r\n", "-----BEGIN\r\nAAAA\r\n-----END\r\n"),
	Entry("doubled is kept, for it is meant", "secret\n\n", "secret\n\n"),
	Entry("\\r alone is part of the secret", "secret\r", "secret\r"),
)

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func must[T any](value T, err error) T {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	return value
}
