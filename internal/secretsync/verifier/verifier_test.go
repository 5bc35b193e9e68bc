package verifier

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// The verifiers of "pencil", as PostgreSQL 15.18 stored them for the role grafana.
const (
	pencilSCRAM = "SCRAM-SHA-256$4096:MZCMFIKofaJ3FQpn0MIY/w==$uTXa8J69W26nuF0fvTzk/sEnqzz2w12/B94Tnojw44k=:uNfWs3meNHt9S3LDjvxV9w9FRVQUHF3MbAvNIu3ixlA="
	pencilMD5   = "md5504610f766ffc0fc99b377a9ac517591"
)

// made is the verifier that a program makes of an already prepared password.
func made(prepared string, iterations int) string {
	salt := []byte("0123456789abcdef")
	salted, err := pbkdf2.Key(sha256.New, prepared, salt, iterations, sha256.Size)
	Expect(err).NotTo(HaveOccurred())
	storedKey := sha256.Sum256(sign(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(storedKey[:]), text(sign(salted, "Server Key")))
}

var _ = Describe("Check", func() {
	DescribeTable("agrees with PostgreSQL 15.18 about",
		func(password, verifier string) {
			Expect(Check(verifier, "grafana", redact.Text(password))).To(Equal(Answer{Verdict: Match}))
			Expect(Check(verifier, "grafana", redact.Text(password+"x"))).To(Equal(Answer{Verdict: Mismatch}))
		},
		Entry("md5", "pencil", pencilMD5),
		Entry("ASCII", "pencil", pencilSCRAM),
		Entry("an accent", "p\u00e9ncil", "SCRAM-SHA-256$4096:IU9RF8aRYyra4PoC6blGLA==$UIyV0iED59ThXasaWPDuUB/Wh62ZvqzPGcWopybYfe4=:dB+54BzdKFF7F21Ju/v4SFA1TbIQC4U3Pewdr0MfP+E="),
		Entry("a combining accent, which is composed", "caf\u0065\u0301", "SCRAM-SHA-256$4096:pGJ3tXmo1PzexYAL8sMUvg==$NVd5rFb5znlHh0ub1L1OqZXGZJt9OKairKpO8+EcHlE=:g/NoCN2My8mxBwXoa6Gbc0pdiroma4EbrawA1UFJH1U="),
		Entry("a ligature, which is decomposed", "\ufb01sh", "SCRAM-SHA-256$4096:XBmZ/rHfnKnpL9IsAfF5jA==$+SiRfLzCnAd1iDix1R/DOOZw6XTYIm+w2ce9bwDA2uI=:5IS88lHOGuVlcgJOle37NpmpUX09KWQTcDiuSbITzZw="),
		Entry("a no-break space, which becomes a space", "a\u00a0b", "SCRAM-SHA-256$4096:UCdVsyCxJb4caIS49E+nnA==$2hCLohgnBpO3bRB2WzdoQSnJuwM/vBZEgz86QeEIwIQ=:RziwJ28rp2lruD6V8ZWRTZnLV0fhXIN32Gp6EcaibfY="),
		Entry("a zero width space, which becomes one too", "a\u200bb", "SCRAM-SHA-256$4096:u7OgASeR0rrpZgm938w1GA==$n6oXJZym2n5cJrnBeaTFtu6dg5+rmWXyyakqCq3ajC0=:9O8amqkxkqrlSmkWuY9PieKo2YdvArRvfz/ItIoYtUk="),
		Entry("a soft hyphen, which is dropped", "a\u00adb", "SCRAM-SHA-256$4096:8JCsJsiHvoynpszu041axw==$BLvWDxXOMP0LKgp+y3KPQ29YYwncBwZMfURW56ULPBI=:9qhMPd8y43v4gCiGc1seVj7T603yNFMRqz6mqR1sGFg="),
		Entry("a character newer than SASLprep, which is left", "\u1d2c", "SCRAM-SHA-256$4096:oxkVydvP4JNtloZ5dqJluQ==$ZQcUdElNyysrZp1EyDO6ZZagqqfpwWu4zUrTePahFi0=:dnAWLy7crCB2G03huX57YC5Qt//kbYeLL4rEbfcUzsw="),
		Entry("a prohibited character, which is left", "a\u0340b", "SCRAM-SHA-256$4096:sF0s1RVW+nzqGnzKT/rosA==$a1Vd2fHDg8UIstJDJ4E8qoa3+p6WoZ5ALThyulwnVUI=:RJofuufe8EIMwZU4zykzkA5G+pHd2YsyD5UMV16MRcM="),
		Entry("text from right to left", "\u0627\u0644", "SCRAM-SHA-256$4096:fQHhUEBDgu38KA58GtLzfA==$u8NFg1+cGUVpRLLWskFAagmPMgqwyQQU59+0fT6+xas=:6RMlsG+lkkDdIXR/QqrjMouDtVk5Iko1JRoM4fZliJY="),
		Entry("text in both directions, which is left", "\u0627a", "SCRAM-SHA-256$4096:sOTwFgmF5yIrXSnmqY0MDA==$Px7h09ipDmgDLifH7MseNbz9si6YfAvBIS90sesqs+c=:Gop/Buz82DTsS7sv5N007Gk4iCns2MAawitauEctA2A="),
		Entry("what would be empty, which is left", "\u00ad", "SCRAM-SHA-256$4096:p8tqqwGANyFAW1M+FUlRQA==$ZYfI8izSbDsFNtjSQnsm9+5f/gywGODx3LKLjGqBjpA=:cfIW0wFAT7VDFeIsjrPf3Yx12LIwDFf1JI2JLoNxPkk="),
		Entry("an emoji", "\U0001f600", "SCRAM-SHA-256$4096:xfvPt8t80NSWNzrP4Rahrg==$mtX1wjtV9YbrcOW468WZXaBPqnxrUnVRod5OFSSeni0=:JGtyOMmkGAnkD9u+BSOlW7UcKxL1IHf/ZkVyWOv6X3Q="),
		Entry("a tab beside an accent", "a\tb\u00e9", "SCRAM-SHA-256$4096:O7RQiOstNhWbo/6p6A+kMA==$oLY86LGQxzqlPKmVLQQBd1QpGXy3NAJxd8bnRv1MgVQ=:gye/dRPQSffhayxiupJxz6MPXt+EDyX1Qf4lrhspJOw="),
	)

	It("takes bytes that are no UTF-8 as they are", func() {
		Expect(Check(made("a\xff", 2), "u", "a\xff")).To(Equal(Answer{Verdict: Match}))
	})

	It("salts md5 with the user's name", func() {
		Expect(Check(pencilMD5, "other", "pencil")).To(Equal(Answer{Verdict: Mismatch}))
	})

	It("wants both keys to be right", func() {
		storedKey := strings.LastIndex(pencilSCRAM, "$") + 1
		serverKey := strings.LastIndex(pencilSCRAM, ":") + 1
		for _, at := range []int{storedKey, serverKey} {
			broken := []byte(pencilSCRAM)
			broken[at] = 'A'
			Expect(Check(string(broken), "grafana", "pencil")).To(Equal(Answer{Verdict: Mismatch}))
		}
	})

	It("says what it can't tell when the password was prepared in another way", func() {
		byTheLetter := made("ab", 2) // RFC 4013 drops U+200B
		Expect(Check(byTheLetter, "u", "a\u200bb")).To(
			And(HaveField("Verdict", Unknown), HaveField("Why", ContainSubstring("not prepared as PostgreSQL's own"))))
		raw := made("a\u00adb", 2)
		Expect(Check(raw, "u", "a\u00adb").Verdict).To(Equal(Unknown))
	})

	DescribeTable("says that it can't tell",
		func(verifier, why string) {
			Expect(Check(verifier, "grafana", "pencil")).To(And(
				HaveField("Verdict", Unknown), HaveField("Why", ContainSubstring(why))))
		},
		Entry("without a verifier (S5)", "", "empty"),
		Entry("from a form that PostgreSQL doesn't have", "pencil", "neither"),
		Entry("from md5 in capitals", strings.ToUpper(pencilMD5), "neither"),
		Entry("from a short md5", pencilMD5[:34], "neither"),
		Entry("from a long md5", pencilMD5+"0", "neither"),
		Entry("from another SCRAM", strings.Replace(pencilSCRAM, "256", "512", 1), "neither"),
		Entry("without keys", "SCRAM-SHA-256$4096:MZCMFIKofaJ3FQpn0MIY/w==", "form"),
		Entry("without a salt", strings.Replace(pencilSCRAM, "4096:", "4096", 1), "form"),
		Entry("with a short key", "SCRAM-SHA-256$4096:MZCMFIKofaJ3FQpn0MIY/w==$AAAA:AAAA", "form"),
		Entry("with a broken salt", strings.Replace(pencilSCRAM, "MZCM", "!!!!", 1), "form"),
		Entry("with no iterations", strings.Replace(pencilSCRAM, "4096", "0", 1), "form"),
		Entry("with less than none", strings.Replace(pencilSCRAM, "4096", "-1", 1), "form"),
		Entry("with iterations in words", strings.Replace(pencilSCRAM, "4096", "many", 1), "form"),
		Entry("with one iteration too many", strings.Replace(pencilSCRAM, "4096", "1000001", 1), "too many"),
		Entry("with 2^31 of them", strings.Replace(pencilSCRAM, "4096", "2147483648", 1), "too many"),
		Entry("with more than a number holds", strings.Replace(pencilSCRAM, "4096", strings.Repeat("9", 40), 1), "too many"),
	)

	It("quotes neither the verifier nor the password", func() {
		const canary = "c4n4ryc4n4ry"
		for _, verifier := range []string{canary, "md5" + canary, "SCRAM-SHA-256$" + canary, "SCRAM-SHA-256$1:" + canary + "$" + canary + ":" + canary} {
			Expect(fmt.Sprintf("%+v", Check(verifier, "u", canary))).NotTo(ContainSubstring(canary))
		}
	})

	It("prints its verdicts", func() {
		Expect(fmt.Sprint(Match, Mismatch, Unknown)).To(Equal("Match Mismatch Unknown"))
	})
})
