package secret_test

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
	"github.com/onsi/gomega/format"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

func held() secret.Value { return secret.New([]byte(canary)) }

// holder holds a Value wherever a struct can.
type holder struct {
	Exported secret.Value
	hidden   secret.Value
	Pointer  *secret.Value
	List     []secret.Value
	ByName   map[string]secret.Value
	Any      any
	nested   *holder
}

func holding() holder {
	v := held()
	h := holder{Exported: v, hidden: v, Pointer: &v, List: []secret.Value{v}, ByName: map[string]secret.Value{"a": v}, Any: v}
	copied := h
	h.nested = &copied
	return h
}

// failure is an error that holds one.
type failure struct{ key secret.Value }

func (f *failure) Error() string { return fmt.Sprintf("refused with %v", f.key) }

// expectNoSecret looks for the canary as text, in hexadecimal, base64 and bytes.
func expectNoSecret(printed string) {
	GinkgoHelper()
	for _, form := range []string{"canary", "63616e617279", "Y2FuYXJ5", "99 97 110 97 114 121", "0x63, 0x61", "99, 97, 110", "63 61 6e"} {
		Expect(strings.ToLower(printed)).NotTo(ContainSubstring(strings.ToLower(form)))
	}
}

var _ = Describe("A secret", func() {
	values := []any{
		held(), new(held()), holding(), new(holding()), []secret.Value{held()}, map[string]any{"a": held()}, &failure{held()},
		struct{ v secret.Value }{held()}, struct{ v *secret.Value }{new(held())}, new(new(held())),
	}

	DescribeTable("is not printed by any verb",
		func(verb string) {
			for _, value := range values {
				expectNoSecret(fmt.Sprintf(verb, value))
			}
		},
		Entry("%v", "%v"), Entry("%+v", "%+v"), Entry("%#v", "%#v"), Entry("%s", "%s"), Entry("%q", "%q"), Entry("%x", "%x"), Entry("%X", "%X"),
		Entry("%d", "%d"), Entry("%t", "%t"), Entry("%U", "%U"), Entry("%10.3s", "%10.3s"), Entry("%p", "%p"), Entry("%!", "%z"),
	)

	It("says so", func() {
		Expect(fmt.Sprint(held())).To(Equal("[redacted]"))
		Expect(held().String()).To(Equal("[redacted]"))
		Expect(fmt.Sprintf("%#v", []secret.Value{held()})).To(ContainSubstring("[redacted]"))
	})

	It("is not found by a library that prints what fields point to", func() {
		for _, value := range values {
			expectNoSecret(format.Object(value, 1))
		}
	})

	It("is not in an error", func() {
		err := fmt.Errorf("no key with %v: %w", held(), &failure{held()})
		expectNoSecret(err.Error())
		expectNoSecret(fmt.Sprintf("%+v %#v", err, errors.Unwrap(err)))
	})

	DescribeTable("is not marshalled",
		func(marshal func(any) ([]byte, error), values ...any) {
			for _, value := range values {
				out, err := marshal(value)
				Expect(err).NotTo(HaveOccurred())
				expectNoSecret(string(out))
				Expect(string(out)).To(ContainSubstring("[redacted]"))
			}
		},
		Entry("as JSON", json.Marshal, held(), new(held()), holding(), map[string]any{"a": held()}),
		Entry("as YAML", func(v any) ([]byte, error) { return yaml.Marshal(v) }, held(), holding()),
		Entry("as YAML by the library that cluster.yaml is read with", func(v any) ([]byte, error) { return yamlv3.Marshal(v) }, held(), holding()),
		Entry("as XML", xml.Marshal, held(), []secret.Value{held()}),
	)

	It("is not logged by slog, in any format", func() {
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("m", "value", held(), "pointer", new(held()), "struct", holding(), "error", &failure{held()})
		}
		expectNoSecret(out.String())
		Expect(out.String()).To(ContainSubstring("value=[redacted]"))
	})

	It("is not logged by logr", func() {
		var out strings.Builder
		for _, log := range []logr.Logger{
			funcr.New(func(prefix, args string) { out.WriteString(prefix + args) }, funcr.Options{}),
			funcr.NewJSON(func(text string) { out.WriteString(text) }, funcr.Options{}),
		} {
			log.Info("m", "value", held(), "pointer", new(held()), "struct", holding(), "error", &failure{held()})
		}
		expectNoSecret(out.String())
		Expect(out.String()).To(ContainSubstring(`"value"="[redacted]"`))
	})

	It("is not logged by zap", func() {
		var out bytes.Buffer
		log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.InfoLevel))
		log.Info("m", zap.Any("value", held()), zap.Reflect("struct", holding()), zap.Error(&failure{held()}))
		expectNoSecret(out.String())
		Expect(out.String()).To(ContainSubstring(`"value":"[redacted]"`))
	})

	It("is given where it is used", func() {
		Expect(held().Bytes()).To(BeEquivalentTo(canary))
		Expect(held().IsEmpty()).To(BeFalse())
	})

	It("leaves nothing where it came from", func() {
		from := []byte(canary)
		secret.New(from)
		Expect(from).To(HaveEach(BeZero()))
	})

	It("is empty if nothing was given, and as the zero Value", func() {
		for _, v := range []secret.Value{{}, secret.New(nil), secret.New([]byte{})} {
			Expect(v.IsEmpty()).To(BeTrue())
			Expect(v.Bytes()).To(BeEmpty())
			Expect(fmt.Sprint(v)).To(Equal("[redacted]"))
			v.Destroy()
		}
	})

	It("is zeroed when it is destroyed, for every copy of it", func() {
		v := held()
		copied, bytes := v, v.Bytes()
		v.Destroy()
		Expect(bytes).To(HaveLen(len(canary)))
		Expect(bytes).To(HaveEach(BeZero()))
		Expect(v.IsEmpty()).To(BeTrue())
		Expect(copied.IsEmpty()).To(BeTrue())
		copied.Destroy()
	})

	It("can't be spoiled by appending to it", func() {
		v := held()
		_ = append(v.Bytes(), "more"...)
		Expect(v.Bytes()).To(BeEquivalentTo(canary))
	})

	DescribeTable("is compared by what it holds",
		func(a, b secret.Value, equal bool) { Expect(a.Equal(b)).To(Equal(equal)) },
		Entry("equal", held(), held(), true),
		Entry("another of the same length", secret.New([]byte("aaaa")), secret.New([]byte("aaab")), false),
		Entry("a longer one", secret.New([]byte("aaaa")), secret.New([]byte("aaaaa")), false),
		Entry("an empty one", held(), secret.Value{}, false),
		Entry("two empty ones", secret.Value{}, secret.New(nil), true),
	)
})
