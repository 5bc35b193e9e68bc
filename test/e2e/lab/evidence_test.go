package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tazzo/rebirth/test/e2e/cluster"
)

var _ = Describe("Evidence", func() {
	const secret = "canary-s3-ABCDEFGH234567"
	var notes, dir string
	var l *Lab

	// play has a shell script take a program's place, which notes its arguments.
	play := func(program, script string) string {
		GinkgoHelper()
		file := filepath.Join(notes, program)
		Expect(os.WriteFile(file, []byte("#!/bin/sh\necho "+program+` "$*" >> "$NOTES/calls"`+"\n"+script), 0o700)).To(Succeed())
		return file
	}
	read := func(name string) string {
		GinkgoHelper()
		content, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		return string(content)
	}
	calls := func() []string {
		GinkgoHelper()
		return strings.Split(strings.TrimSpace(read(filepath.Join(notes, "calls"))), "\n")
	}

	BeforeEach(func() {
		notes = GinkgoT().TempDir()
		dir = filepath.Join(notes, "failed")
		GinkgoT().Setenv("NOTES", notes)
		GinkgoT().Setenv("PATH", notes+":"+os.Getenv("PATH"))
		config := filepath.Join(notes, "kind.yaml")
		Expect(os.WriteFile(config, []byte("name: played\n"), 0o600)).To(Succeed())
		play("docker", `echo "$*: `+secret+`"`)
		made, err := cluster.New(cluster.Options{
			Kind: play("kind", `[ "$1" = get ] && echo a-node && exit; echo "kubeadm knows `+secret+`"; exit 1`),
			Kubectl: play("kubectl", `case "$*" in
*api-resources*) echo secrets stores pods;;
*"get stores"*) echo 'value: "{\"password\": \"`+secret+`\"}"';;
*logs*) echo 'it runs with `+secret+`';;
*) exit 1;;
esac`),
			Config: config, Dir: notes,
		})
		Expect(err).NotTo(HaveOccurred())
		l = &Lab{Cluster: made, secrets: map[string]bool{secret: true}}
	})
	someObjects := func() {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod"},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main", RestartCount: 1}}}}
		l.Client = fake.NewClientBuilder().WithObjects(pod, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "secret"}, Data: map[string][]byte{"key": []byte("unregistered")}}).Build()
	}

	It("is what the nodes and kubeadm say when no cluster comes up", func(ctx SpecContext) {
		Expect(l.Create(ctx)).NotTo(Succeed())
		Expect(l.Evidence(ctx, dir)).To(Succeed())
		Expect(read(dir + "/creation.txt")).To(ContainSubstring("kubeadm knows [redacted]"))
		Expect(read(dir + "/logs/a-node.journal")).To(Equal("exec a-node journalctl --no-pager --lines=3000: [redacted]\n"))
		Expect(read(dir + "/logs/a-node.boot")).To(Equal("logs a-node: [redacted]\n"))
		Expect(read(dir + "/logs.txt")).To(ContainSubstring("no cluster came up"))
	}, SpecTimeout(time.Minute))

	It("holds no hidden value and no Secret's", func(ctx SpecContext) {
		someObjects()
		Expect(l.Evidence(ctx, dir)).To(Succeed())
		var files []string
		Expect(filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, strings.TrimPrefix(path, dir+"/"))
				Expect(read(path)).NotTo(SatisfyAny(ContainSubstring("canary"), ContainSubstring("unregistered")), path)
			}
			return err
		})).To(Succeed())
		Expect(files).To(ContainElements("stores.yaml", "secrets.json", "logs/ns_pod_main.log", "logs/ns_pod_main.previous.log", "logs/a-node.journal"))
		Expect(read(dir + "/stores.yaml")).To(ContainSubstring("[redacted]"))
		Expect(read(dir + "/secrets.json")).To(ContainSubstring("[redacted, 12 bytes]"))
		Expect(read(dir+"/pods.yaml")).To(ContainSubstring("exit status 1"), "what can't be had")
	}, SpecTimeout(time.Minute))

	It("asks the nodes first, and the API with a limit", func(ctx SpecContext) {
		someObjects()
		Expect(l.Evidence(ctx, dir)).To(Succeed())
		asked := calls()
		api := slices.IndexFunc(asked, func(call string) bool { return strings.HasPrefix(call, "kubectl") })
		Expect(asked[:api]).To(ContainElement(ContainSubstring("journalctl")))
		for _, call := range asked[api:] {
			Expect(call).To(And(HavePrefix("kubectl"), ContainSubstring("--request-timeout=20s")))
		}
	}, SpecTimeout(time.Minute))
})

var _ = Describe("This project's images", func() {
	It("are made, and those that they replace are removed", func(ctx SpecContext) {
		notes := GinkgoT().TempDir()
		GinkgoT().Setenv("NOTES", notes)
		GinkgoT().Setenv("PATH", notes+":"+os.Getenv("PATH"))
		for _, program := range []string{"make", "docker"} {
			Expect(os.WriteFile(filepath.Join(notes, program), []byte("#!/bin/sh\necho "+program+` $1 $2 >> "$NOTES/calls"`), 0o700)).To(Succeed())
		}
		Expect((&Lab{root: notes}).BuildProducts(ctx)).To(Succeed())
		content, err := os.ReadFile(filepath.Join(notes, "calls"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(content)).To(And(HavePrefix("make image"), HaveSuffix("docker image prune\n")))
	}, SpecTimeout(time.Minute))
})
