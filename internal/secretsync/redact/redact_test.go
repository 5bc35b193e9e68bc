package redact_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

const canary = "canary"

type carrier struct {
	Password redact.Text
	Content  redact.Data
	Nested   *carrier
	List     []redact.Text
	ByName   map[string]redact.Text
}

// Format is what the package's doc asks of a struct that others point to.
func (c carrier) Format(s fmt.State, verb rune) { c.Password.Format(s, verb) }

// holder holds the types in exported fields, and a carrier by a pointer.
type holder struct {
	Password redact.Text
	Content  redact.Data
	Nested   *carrier
}

func hold() holder {
	c := carry()
	return holder{Password: c.Password, Content: c.Content, Nested: &c}
}

func carry() carrier {
	c := carrier{Password: canary, Content: redact.Data{"password": []byte(canary)}, List: []redact.Text{canary}, ByName: map[string]redact.Text{"a": canary}}
	copied := c
	c.Nested = &copied
	return c
}

// expectNoSecret looks for the canary as text, in hexadecimal, base64 and bytes.
func expectNoSecret(printed string) {
	GinkgoHelper()
	for _, form := range []string{canary, "63616e617279", "Y2FuYXJ5", "99 97 110 97 114 121", "0x63, 0x61"} {
		Expect(strings.ToLower(printed)).NotTo(ContainSubstring(strings.ToLower(form)))
	}
}

var _ = Describe("A redacted type", func() {
	values := []any{
		redact.Text(canary), redact.Data{"password": []byte(canary)}, new(redact.Text(canary)), &redact.Data{"password": []byte(canary)},
		carry(), new(carry()), hold(), new(hold()), []redact.Data{{"password": []byte(canary)}}, map[string]any{"a": redact.Text(canary)},
	}

	DescribeTable("is not printed by any verb",
		func(verb string) {
			for _, value := range values {
				expectNoSecret(fmt.Sprintf(verb, value))
			}
		},
		Entry("%v", "%v"), Entry("%+v", "%+v"), Entry("%#v", "%#v"), Entry("%s", "%s"), Entry("%q", "%q"), Entry("%x", "%x"), Entry("%X", "%X"),
		Entry("%d", "%d"), Entry("%t", "%t"), Entry("%U", "%U"), Entry("%10.3s", "%10.3s"), Entry("%!", "%z"),
	)

	It("says so", func() {
		Expect(fmt.Sprint(redact.Text(canary))).To(Equal("[redacted]"))
		Expect(fmt.Sprint(redact.Data{"a": nil})).To(Equal("[redacted]"))
	})

	It("is not in an error", func() {
		expectNoSecret(fmt.Errorf("no login with %v: %w", redact.Text(canary), errors.New("refused")).Error())
	})

	DescribeTable("is not marshalled",
		func(marshal func(any) ([]byte, error), values []any) {
			for _, value := range values {
				out, err := marshal(value)
				Expect(err).NotTo(HaveOccurred())
				expectNoSecret(string(out))
				Expect(string(out)).To(ContainSubstring("[redacted]"))
			}
		},
		Entry("as JSON", json.Marshal, values),
		Entry("as YAML", func(v any) ([]byte, error) { return yaml.Marshal(v) }, values),
		Entry("as XML", xml.Marshal, []any{redact.Text(canary), []redact.Text{canary}}),
	)

	It("is not logged by slog, in any format", func() {
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("m", "text", redact.Text(canary), "data", redact.Data{"p": []byte(canary)}, "struct", carry())
		}
		expectNoSecret(out.String())
		Expect(out.String()).To(ContainSubstring("text=[redacted]"))
	})

	It("is not logged by logr", func() {
		var out strings.Builder
		for _, log := range []logr.Logger{
			funcr.New(func(prefix, args string) { out.WriteString(prefix + args) }, funcr.Options{}),
			funcr.NewJSON(func(text string) { out.WriteString(text) }, funcr.Options{}),
		} {
			log.Info("m", "text", redact.Text(canary), "data", redact.Data{"p": []byte(canary)}, "struct", carry())
		}
		expectNoSecret(out.String())
		Expect(out.String()).To(ContainSubstring("[redacted]"))
	})

	It("is not logged by zap, which the controllers log with", func() {
		var out bytes.Buffer
		log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.InfoLevel))
		log.Info("m", zap.Any("text", redact.Text(canary)), zap.Any("data", redact.Data{"p": []byte(canary)}), zap.Reflect("struct", carry()))
		expectNoSecret(out.String())
		Expect(out.String()).To(ContainSubstring("[redacted]"))
	})

	It("reveals the secret where it is asked to", func() {
		Expect(redact.Text(canary).Reveal()).To(Equal(canary))
	})
})
