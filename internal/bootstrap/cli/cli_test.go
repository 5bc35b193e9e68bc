package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/progress"
	"github.com/tazzo/rebirth/internal/bootstrap/run"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

func TestCommandLine(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the command line of bootstrap")
}

// example is the cluster.yaml that users copy.
const example = "../../../examples/cluster.yaml"

// execute runs a command line without a terminal.
func execute(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	root := Command("v1.2.3")
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&errs)
	err = root.Execute()
	return out.String(), errs.String(), err
}

// broken is the example in a folder of its own, with one text replaced by another and
// without the files that it names.
func broken(before, after string) string {
	GinkgoHelper()
	content, err := os.ReadFile(example)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(content)).To(ContainSubstring(before))
	file := filepath.Join(GinkgoT().TempDir(), "cluster.yaml")
	Expect(os.WriteFile(file, []byte(strings.Replace(string(content), before, after, 1)), 0o600)).To(Succeed())
	return file
}

var _ = Describe("the command line", func() {
	It("knows its version", func() {
		out, _, err := execute("--version")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("v1.2.3"))
	})

	It("describes every command, with an example", func() {
		for _, command := range Command("").Commands() {
			Expect(command.Short).NotTo(BeEmpty(), command.Name())
			Expect(command.Example).NotTo(BeEmpty(), command.Name())
		}
	})

	It("prints the schema that cluster.yaml is checked against", func() {
		out, _, err := execute("schema")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal(string(spec.Schema())))
	})

	It("completes the nodes of cluster.yaml, whatever else is wrong with it", func() {
		for _, file := range []string{example, broken("cores: 2", "cores: many")} {
			out, _, err := execute("__complete", "rejoin", "--file", file, "")
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(ContainSubstring("home-worker-1"))
		}
	})

	It("takes no other output than text and json", func() {
		_, _, err := execute("validate", "-f", example, "-o", "xml")
		Expect(err).To(MatchError(ContainSubstring("must be text or json")))
	})

	It("says which file is missing, and how to name another", func() {
		_, _, err := execute("validate", "-f", "nowhere.yaml")
		Expect(err).To(MatchError(And(ContainSubstring("nowhere.yaml"), ContainSubstring("-f"))))
	})
})

var _ = Describe("validate", func() {
	It("finds nothing wrong with the example", func() {
		out, errs, err := execute("validate", "-f", example)
		Expect(err).NotTo(HaveOccurred(), errs)
		Expect(out).To(ContainSubstring("is valid"))
	})

	It("prints problems as JSON and nothing else, also where there is none", func() {
		out, _, err := execute("validate", "-f", example, "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		var document struct{ Problems []any }
		Expect(json.Unmarshal([]byte(out), &document)).To(Succeed())
	})

	It("says what is wrong with cluster.yaml and with the files that it names, all at once", func() {
		file := broken("cores: 2", "cores: many")
		_, errs, err := execute("validate", "-f", file)
		Expect(err).To(MatchError(ErrReported))
		Expect(errs).To(And(
			MatchRegexp(`cluster.yaml:\d+:\d+: nodeDefaults.cores: `),
			MatchRegexp(`cluster.yaml: talos.patches\[0\].file: .*patches/network.yaml`),
			MatchRegexp(`cluster.yaml: handOver.manifests: .*does not exist`),
			HaveSuffix(": 3 mistakes\n"),
		))
	})

	It("reads no file but those that are named well", func() {
		_, errs, err := execute("validate", "-f", broken("    - ../manifests/flux", "    - 5"))
		Expect(err).To(MatchError(ErrReported))
		Expect(errs).To(And(ContainSubstring("handOver.manifests[0]: "), HaveSuffix(": 2 mistakes\n")))
	})

	It("warns of what looks like a secret in a patch", func() {
		file := broken("    - ../manifests/flux", "    - namespace.yaml")
		patch := "machine:\n  registries:\n    config:\n      example.com:\n        auth: {password: x}\n"
		for name, content := range map[string]string{
			"patches/network.yaml": patch, "namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
		} {
			path := filepath.Join(filepath.Dir(file), name)
			Expect(os.MkdirAll(filepath.Dir(path), 0o700)).To(Succeed())
			Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		}
		out, errs, err := execute("validate", "-f", file)
		Expect(err).NotTo(HaveOccurred(), errs)
		Expect(errs).To(HavePrefix("patches/network.yaml:5:16: warning: "))
		Expect(out).To(ContainSubstring("is valid"))
	})

	DescribeTable("prints one JSON document and nothing else for mistakes",
		func(file func() string) {
			out, errs, err := execute("validate", "-f", file(), "-o", "json")
			Expect(err).To(MatchError(ErrReported))
			Expect(errs).To(BeEmpty())
			var document struct{ Problems []map[string]any }
			Expect(json.Unmarshal([]byte(out), &document)).To(Succeed())
			Expect(document.Problems).To(ContainElement(HaveKey("message")))
		},
		Entry("in cluster.yaml", func() string { return broken("kind: Cluster", "kind: Klaster") }),
		Entry("in files that it names", func() string { return broken("", "") }),
	)

	It("takes no pipe for a patch, which it would wait for", func() {
		file := broken("", "")
		Expect(os.Mkdir(filepath.Join(filepath.Dir(file), "patches"), 0o700)).To(Succeed())
		Expect(syscall.Mkfifo(filepath.Join(filepath.Dir(file), "patches", "network.yaml"), 0o600)).To(Succeed())
		_, errs, err := execute("validate", "-f", file)
		Expect(err).To(MatchError(ErrReported))
		Expect(errs).To(ContainSubstring("network.yaml is not a file"))
	})
})

var _ = Describe("credentials", func() {
	It("can't share standard output with each other", func() {
		_, _, err := execute("create", "-f", example, "--kubeconfig", "-", "--secrets", "-")
		Expect(err).To(MatchError(ContainSubstring("only one of")))
	})

	It("can't share standard output with JSON", func() {
		_, _, err := execute("create", "-f", example, "--kubeconfig", "-", "-o", "json")
		Expect(err).To(MatchError(ContainSubstring("write credentials to files")))
	})

	It("are not discarded and kept at once", func() {
		_, _, err := execute("create", "-f", example, "--kubeconfig", "-", "--discard-credentials")
		Expect(err).To(HaveOccurred())
	})
})

var _ = Describe("the question before a destruction", func() {
	DescribeTable("goes on with the cluster's name alone",
		func(answer string, yes bool) {
			var terminal readWriter
			terminal.in = strings.NewReader(answer)
			err := ask(context.Background(), &terminal, "home")
			Expect(err == nil).To(Equal(yes))
			Expect(terminal.out.String()).To(ContainSubstring("home"))
		},
		Entry("the name", "home\n", true),
		Entry("the name at the end of input", "home", true),
		Entry("yes", "yes\n", false),
		Entry("nothing", "\n", false),
		Entry("the end of input", "", false),
		Entry("another case", "HOME\n", false),
	)
})

var _ = Describe("a refusal", func() {
	DescribeTable("is told with what was done before it",
		func(destroyed bool, said string) {
			var errs bytes.Buffer
			root := Command("")
			root.SetErr(&errs)
			s := &session{reporter: progress.NewPlain(&errs, clock.RealClock{})}
			refused := &run.RefusedError{Plan: plan.Plan{Refusals: []plan.Refusal{{Object: "VM 1", Reason: "is another's"}}}, Destroyed: destroyed}
			Expect((&flags{output: formatText}).conclude(root, s, refused)).To(MatchError(said))
			Expect(errs.String()).To(Equal("refused: VM 1: is another's\n"))
		},
		Entry("of a create", false, "nothing was done"),
		Entry("of a rebirth's second half", true, "the cluster is destroyed, and nothing was created: clear the way, and go on with bootstrap create"),
	)
})

var _ = Describe("a question that nobody answers", func() {
	It("ends with the run", func(ctx SpecContext) {
		person, program := net.Pipe()
		DeferCleanup(person.Close)
		go func() { _, _ = io.Copy(io.Discard, person) }() // who sees it, and says nothing
		asked, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("interrupt"))
		Expect(ask(asked, program, "home")).To(MatchError("nothing was destroyed: interrupt"))
	}, SpecTimeout(10*time.Second))

	It("is not asked where a machine reads", func() {
		_, _, err := execute("destroy", "-f", example, "-o", "json")
		Expect(err).To(MatchError(ContainSubstring("say --yes")))
	})
})

var _ = Describe("machines that nobody could be asked about", func() {
	It("are named, each with the reason why it would go", func() {
		doomed := plan.Plan{Steps: []plan.Step{
			{Kind: plan.DestroyVM, Node: "a", VM: &inventory.VM{ID: 1}, Reason: "it was left"},
			{Kind: plan.DestroyVM, Node: "b", VM: &inventory.VM{ID: 2}, Reason: "etcd starts anew"},
		}}
		Expect(unasked(doomed, errors.New("there is no terminal"))).To(MatchError(And(
			HavePrefix("nothing was done"), ContainSubstring("\n  VM 1 (a: it was left)\n"), ContainSubstring("\n  VM 2 (b: etcd starts anew)\n"), HaveSuffix("there is no terminal"))))
	})
})

type readWriter struct {
	in  *strings.Reader
	out bytes.Buffer
}

func (r *readWriter) Read(p []byte) (int, error)  { return r.in.Read(p) }
func (r *readWriter) Write(p []byte) (int, error) { return r.out.Write(p) }

var _ = Describe("a plan in text", func() {
	It("is grouped by phase, whatever the order of its steps", func() {
		var out bytes.Buffer
		printPlan(&out, namedPlan{"create", plan.Plan{Steps: []plan.Step{
			{Phase: plan.PhaseMachine, Node: "a", Title: "create VM 1", Reason: "there is none"},
			{Phase: plan.PhaseConfigure, Node: "a", Title: "configure it", Reason: "it is new"},
			{Phase: plan.PhaseMachine, Node: "bbb", Title: "create VM 2", Reason: "there is none"},
		}, Notes: []string{"look at this"}}})
		Expect(out.String()).To(Equal(strings.Join([]string{
			"note: look at this",
			"create would take 3 steps:",
			"",
			"machines",
			"  a    create VM 1  (there is none)",
			"  bbb  create VM 2  (there is none)",
			"",
			"configure",
			"  a  configure it  (it is new)",
			"", "",
		}, "\n")))
	})

	It("is an empty list as JSON when there is nothing to do", func() {
		var out bytes.Buffer
		root := Command("")
		root.SetOut(&out)
		Expect((&flags{output: formatJSON}).printPlans(root, []namedPlan{{"create", plan.Plan{}}})).To(Succeed())
		Expect(out.String()).To(MatchJSON(`[{"command": "create", "steps": []}]`))
	})

	It("has every reason why it refuses", func() {
		var out bytes.Buffer
		printPlan(&out, namedPlan{"create", plan.Plan{Refusals: []plan.Refusal{{Object: "VM 1", Reason: "is another's"}, {Object: "VM 2", Reason: "is another's"}}}})
		Expect(out.String()).To(And(HavePrefix("create would do nothing"), ContainSubstring("VM 1: is another's"), ContainSubstring("VM 2: is another's")))
	})
})
