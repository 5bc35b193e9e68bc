package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/internal/manager"
)

var _ = Describe("The command line", func() {
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := command()
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		err := cmd.ExecuteContext(GinkgoT().Context())
		return out.String(), err
	}
	BeforeEach(func() {
		GinkgoT().Setenv("KUBECONFIG", filepath.Join(GinkgoT().TempDir(), "none"))
		GinkgoT().Setenv("KUBERNETES_SERVICE_HOST", "")
	})

	It("explains itself with every flag", func() {
		out, err := run("--help")
		Expect(err).NotTo(HaveOccurred())
		for _, words := range []string{"SecretExports and SecretImports", "charts/secret-sync", "--export", "--import", "--cluster-wide", "--enable-leader-election", "--log-level", "--metrics-addr", "Examples:"} {
			Expect(out).To(ContainSubstring(words))
		}
	})

	It("tells its version", func() {
		out, err := run("--version")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("secret-sync version " + manager.VersionOrRevision() + "\n"))
	})

	DescribeTable("completes itself in a shell",
		func(shell string) {
			out, err := run("completion", shell)
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(ContainSubstring("secret-sync"))
		},
		Entry("bash", "bash"), Entry("zsh", "zsh"), Entry("fish", "fish"), Entry("powershell", "powershell"),
	)

	It("completes the names of flags", func() {
		out, err := run("__complete", "--ex")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("--export"))
	})

	DescribeTable("refuses what is wrong, in one line that names it",
		func(words string, args ...string) {
			out, err := run(args...)
			Expect(err).To(MatchError(ContainSubstring(words)))
			Expect(err.Error()).NotTo(ContainSubstring("\n"))
			Expect(out).To(BeEmpty(), "main prints the error, once")
		},
		Entry("an export that is no namespace", `--export "Tazlab_DB"`, "--export", "Tazlab_DB"),
		Entry("an export of a Secret without a name", `--export "tazlab-db/"`, "--export", "tazlab-db/"),
		Entry("an import that is no namespace", `--import "monitoring/x"`, "--import", "monitoring/x"),
		Entry("the whole cluster and an export", "[cluster-wide export]", "--cluster-wide", "--export", "tazlab-db"),
		Entry("the whole cluster and an import", "[cluster-wide import]", "--cluster-wide", "--import", "monitoring"),
		Entry("an unknown flag", "--exports", "--exports", "tazlab-db"),
		Entry("a duration without a unit", "--graceful-shutdown-timeout", "--graceful-shutdown-timeout", "25"),
		Entry("an argument", `"tazlab-db"`, "tazlab-db"),
		Entry("no cluster", "set KUBECONFIG", "--export", "tazlab-db"),
	)

	// The template's arguments are plain text/template once their values are there.
	DescribeTable("takes every argument that the chart's Deployment gives",
		func(edit func(map[string]any), exports, imports []string, clusterWide bool) {
			args := chartArgs(edit)
			cmd := command()
			Expect(cmd.ParseFlags(args)).To(Succeed(), "%q", args)
			Expect(cmd.ValidateFlagGroups()).To(Succeed())
			Expect(cmd.Flags().Args()).To(BeEmpty())
			Expect(cmd.Flags().GetStringArray("export")).To(Equal(exports))
			Expect(cmd.Flags().GetStringArray("import")).To(Equal(imports))
			Expect(cmd.Flags().GetBool("cluster-wide")).To(Equal(clusterWide))
		},
		Entry("by default", func(map[string]any) {}, []string{}, []string{}, false),
		Entry("with namespaces and Secrets", func(values map[string]any) {
			values["exports"] = []any{map[string]any{"namespace": "a"}, map[string]any{"namespace": "b", "secrets": []any{"x", "y.z"}}}
			values["imports"] = []any{map[string]any{"namespace": "c"}, map[string]any{"namespace": "d"}}
		}, []string{"a", "b/x", "b/y.z"}, []string{"c", "d"}, false),
		Entry("for the whole cluster", func(values map[string]any) { values["clusterWide"] = true }, []string{}, []string{}, true),
		Entry("without leader election", func(values map[string]any) { values["leaderElection"] = map[string]any{"enabled": false} }, []string{}, []string{}, false),
	)

	It("has the flags of the chart's namespaces granted", func() {
		granted, err := flags{exports: []string{"b/x"}, imports: []string{"c"}}.grants()
		Expect(err).NotTo(HaveOccurred())
		Expect(granted.Export("b", "x")).To(BeTrue())
		Expect(granted.Export("b", "y")).To(BeFalse())
		Expect(granted.Import("c")).To(BeTrue())
		everything, err := flags{clusterWide: true}.grants()
		Expect(err).NotTo(HaveOccurred())
		Expect(everything.Export("any", "one")).To(BeTrue())
	})
})

// chartArgs are the arguments that the chart's Deployment renders with its default
// values, edited.
func chartArgs(edit func(map[string]any)) []string {
	GinkgoHelper()
	const chart = "../../charts/secret-sync"
	raw, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	Expect(err).NotTo(HaveOccurred())
	values := map[string]any{}
	Expect(yaml.Unmarshal(raw, &values)).To(Succeed())
	edit(values)

	raw, err = os.ReadFile(filepath.Join(chart, "templates", "deployment.yaml"))
	Expect(err).NotTo(HaveOccurred())
	_, rest, found := strings.Cut(string(raw), "\n          args:\n")
	Expect(found).To(BeTrue())
	text, _, found := strings.Cut(rest, "\n          env:\n")
	Expect(found).To(BeTrue())

	marshal := func(v any) (string, error) { out, err := yaml.Marshal(v); return string(out), err }
	indent := func(_ int, s string) string { return "\n" + s }
	t, err := template.New("args").Funcs(template.FuncMap{"toYaml": marshal, "nindent": indent}).Parse(text)
	Expect(err).NotTo(HaveOccurred())
	var rendered bytes.Buffer
	Expect(t.Execute(&rendered, map[string]any{"Values": values})).To(Succeed())
	var args []string
	Expect(yaml.Unmarshal(rendered.Bytes(), &args)).To(Succeed(), rendered.String())
	Expect(len(args)).To(BeNumerically(">=", 7))
	return args
}
