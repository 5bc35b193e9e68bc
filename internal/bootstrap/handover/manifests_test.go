package handover

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

const (
	namespaceYAML = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
	configMapYAML = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: a}\n"
	secretYAML    = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: a}\nstringData: {key: hunter2}\n"
)

// tree writes files into a new folder.
func tree(files map[string]string) string {
	dir := GinkgoT().TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		ExpectWithOffset(1, os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		ExpectWithOffset(1, os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	}
	return dir
}

func link(dir, name, target string) {
	ExpectWithOffset(1, os.Symlink(target, filepath.Join(dir, name))).To(Succeed())
}

func loadedNames(dir string, paths ...string) []string {
	manifests, errs := LoadManifests(dir, paths)
	ExpectWithOffset(1, errs).To(BeEmpty())
	var names []string
	for _, m := range manifests {
		names = append(names, m.Name)
	}
	return names
}

func loadErrors(dir string, paths ...string) []string {
	_, errs := LoadManifests(dir, paths)
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return texts
}

var _ = Describe("Manifests", func() {
	It("of the example have nothing wrong with them", func() {
		Expect(loadedNames("../../../examples", "../manifests/flux")).To(Equal([]string{"1-gotk-sync.yaml"}))
	})

	It("of the example go with what flux install --export writes, which begins with Flux' namespace", func() {
		exported := tree(map[string]string{"gotk-components.yaml": "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n"})
		Expect(loadedNames("../../../examples", filepath.Join(exported, "gotk-components.yaml"), "../manifests/flux")).To(
			Equal([]string{"1-gotk-components.yaml", "2-gotk-sync.yaml"}))
	})

	It("keep every byte of their files", func() {
		written := "# keep me\r\n---\r\n" + strings.ReplaceAll(configMapYAML, "\n", "\r\n") + "---\n" + namespaceYAML + "# and me"
		manifests, errs := LoadManifests(tree(map[string]string{"a.yaml": written}), []string{"a.yaml"})
		Expect(errs).To(BeEmpty())
		Expect(string(manifests[0].YAML)).To(Equal(written))
	})

	It("come in the order of the paths, and in folders in that of names, also of folders below", func() {
		dir := tree(map[string]string{
			"z.yaml":       strings.ReplaceAll(configMapYAML, "name: a,", "name: z,"),
			"f/c.yml":      strings.ReplaceAll(configMapYAML, "name: a,", "name: c,"),
			"f/b/b.json":   `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}`,
			"f/a.yaml":     configMapYAML,
			"f/README.md":  "no manifest",
			"f/.sops.yaml": "hidden",
			"f/.git/x.yml": "hidden",
		})
		Expect(loadedNames(dir, "z.yaml", "f")).To(Equal([]string{"1-z.yaml", "2-a.yaml", "3-b.json", "4-c.yml"}))
	})

	It("have names that sort in their order, however many there are", func() {
		files, paths := map[string]string{}, []string{}
		for _, letter := range "klmabcdefghij" {
			name := string(letter) + ".yaml"
			files[name] = strings.ReplaceAll(configMapYAML, "name: a,", "name: "+string(letter)+",")
			paths = append(paths, name)
		}
		Expect(loadedNames(tree(files), paths...)).To(HaveExactElements(
			"01-k.yaml", "02-l.yaml", "03-m.yaml", "04-a.yaml", "05-b.yaml", "06-c.yaml", "07-d.yaml",
			"08-e.yaml", "09-f.yaml", "10-g.yaml", "11-h.yaml", "12-i.yaml", "13-j.yaml"))
	})

	It("may be named by absolute paths, and by links", func() {
		dir := tree(map[string]string{"real/a.yaml": configMapYAML})
		link(dir, "link.yaml", "real/a.yaml")
		Expect(loadedNames("/nowhere", filepath.Join(dir, "link.yaml"))).To(Equal([]string{"1-link.yaml"}))
	})

	It("follow links within their folder", func() {
		dir := tree(map[string]string{"f/.generation-1/a.yaml": configMapYAML})
		link(dir, "f/a.yaml", ".generation-1/a.yaml")
		Expect(loadedNames(dir, "f")).To(Equal([]string{"1-a.yaml"}))
	})

	It("are taken as a List", func() {
		list := "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n"
		Expect(loadedNames(tree(map[string]string{"a.yaml": list}), "a.yaml")).To(HaveLen(1))
	})

	It("are none where none are named", func() {
		Expect(loadedNames("/nowhere")).To(BeEmpty())
	})

	DescribeTable("are refused, with file and document, if there is among them",
		func(content, expected string) {
			errs := loadErrors(tree(map[string]string{"a.yaml": content}), "a.yaml")
			Expect(errs).To(HaveLen(1))
			Expect(errs[0]).To(HavePrefix("a.yaml" + expected))
			Expect(errs[0]).NotTo(ContainSubstring("hunter2"))
		},
		Entry("a Secret", namespaceYAML+"---\n"+secretYAML,
			", document 2: is a Secret (a/a), and would rest on the disk of every control plane: give Flux its credential with handOver.secret, and let Flux apply other ones, encrypted"),
		Entry("a Secret in a List", "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
			", document 1, item 2: is a Secret (b)"),
		Entry("a Secret in a list by another name", "kind: SecretList\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
			", document 1, item 1: is a Secret (b)"),
		Entry("a Secret in JSON", `{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "b"}}`,
			", document 1: is a Secret (b)"),
		Entry("a Secret behind the end of a document", namespaceYAML+"...\n"+secretYAML,
			", document 1: has a line ..., and what follows it would be passed over: begin the next document with ---"),
		Entry("a Secret through an alias", "x: &k Secret\nkind: *k\napiVersion: v1\nmetadata: {name: b}\n",
			", document 1: is a Secret (b)"),
		Entry("a Secret that says so twice", "kind: ConfigMap\nkind: Secret\napiVersion: v1\nmetadata: {name: b}\n",
			", document 1: is not YAML, with lines counted from its first: unmarshal errors:\n  line 2: key \"kind\" already set in map"),
		Entry("a Secret without its version", "kind: Secret\nmetadata: {name: b}\n",
			", document 1: is a Secret (b)"),
		Entry("a List in a List", "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: List, items: []}\n",
			", document 1, item 1: is a List in a List"),
		Entry("an object without a name", "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n",
			", document 1: has no metadata.name"),
		Entry("an object without anything", "a: b\n", ", document 1: has no apiVersion, no kind, no metadata.name"),
		Entry("an object of kustomize's", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a]\n",
			", document 1: is for kustomize, which Talos does not run"),
		Entry("a text", "hunter2\n", ", document 1: is no Kubernetes object"),
		Entry("a text in a List", "items: [hunter2]\n", ", document 1, item 1: is no Kubernetes object"),
		Entry("what is no YAML", namespaceYAML+"---\na: [\n", ", document 2: is not YAML, with lines counted from its first: line 1: did not find expected node content"),
		Entry("a beginning that is none", namespaceYAML+"--- hunter\n", ", document 1: invalid Yaml document separator"),
		Entry("nothing", "\n", ": has no object in it: leave it out"),
		Entry("nothing but comments", "# later\n---\n# or never\n", ": has no object in it: leave it out"),
		Entry("an object twice", configMapYAML+"---\n"+configMapYAML, ", document 2: is the ConfigMap a/a, which stands in a.yaml, document 1 already"),
	)

	It("are reported with all that is wrong at once", func() {
		dir := tree(map[string]string{"a/a.yaml": secretYAML + "---\nkind: x\n", "a/b.yaml": configMapYAML, "c.yaml": configMapYAML, "empty/x.txt": ""})
		errs := loadErrors(dir, "a", "c.yaml", "nowhere", "empty")
		Expect(errs).To(HaveExactElements(
			HavePrefix("a/a.yaml, document 1: is a Secret (a/a)"),
			Equal("a/a.yaml, document 2: has no apiVersion, no metadata.name"),
			Equal("c.yaml, document 1: is the ConfigMap a/a, which stands in a/b.yaml, document 1 already"),
			Equal("nowhere: does not exist (paths are relative to cluster.yaml)"),
			Equal("empty: has no *.yaml, *.yml or *.json file in it"),
		))
	})

	It("are not read through a link that leads out of their folder", func() {
		dir := tree(map[string]string{"f/a.yaml": configMapYAML, "other.yaml": namespaceYAML})
		link(dir, "f/b.yaml", "../other.yaml")
		Expect(loadErrors(dir, "f")).To(HaveExactElements("f/b.yaml: path escapes from parent"))
	})

	It("are not looked for behind a link to a folder, and that is said", func() {
		dir := tree(map[string]string{"f/a.yaml": configMapYAML, "f/.generation-1/b.yaml": namespaceYAML})
		link(dir, "f/b", ".generation-1")
		Expect(loadErrors(dir, "f")).To(HaveExactElements("f/b: is a link to a folder, which is not followed: name that folder in handOver.manifests"))
	})

	It("are not read from what is no file", func() {
		dir := tree(map[string]string{"f/a.yaml": configMapYAML})
		Expect(unix.Mkfifo(filepath.Join(dir, "f/pipe.yaml"), 0o600)).To(Succeed())
		Expect(loadErrors(dir, "f", "f/pipe.yaml", "/dev/zero")).To(HaveExactElements(
			"f/pipe.yaml: is not a file", "f/pipe.yaml: is not a file", "/dev/zero: is not a file"))
	})

	It("may not be larger than what Talos takes, and are not read any further", func() {
		dir := tree(map[string]string{"a.yaml": configMapYAML})
		Expect(os.Truncate(filepath.Join(dir, "a.yaml"), 1<<30)).To(Succeed())
		Expect(loadErrors(dir, "a.yaml")).To(HaveExactElements(
			"handOver.manifests: are 1024 MiB together, and Talos takes 32 MiB: hand over what Flux needs, and let Flux apply the rest"))
	})
})
