package lint_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/lint"
)

var _ = Describe("the output", func() {
	tree := gated().with(files{"clusters/home/extra.yaml": kustomization("extra", "./extra"), "extra/release.yaml": release("apps", "extra")})

	It("is, as text, a line for each finding, the way out, and a summary", func() {
		Expect(lint.Text(linted(tree))).To(Equal(`clusters/home/extra.yaml:1: error: Kustomization flux-system/extra is not behind the gate: none of its dependencies leads to Kustomization flux-system/gate; nor is what comes after it: HelmRelease apps/extra [not-behind-gate]
    way out: add {name: gate} to its spec.dependsOn; or, if the network needs it, add it to the dependsOn of the gate; or, if it is meant to start before, annotate it with rebirth.tazlab.net/upstream-of-gate: "true"
1 error, 0 warnings. The gate is Kustomization flux-system/gate; behind it are 1 of 4 Kustomizations and 1 of 3 HelmReleases.
`))
	})

	It("names, as text, what was not looked into", func() {
		findings, graph := linted(gated().with(files{"clusters/home/far.yaml": from("far", kustomization("far", "./far", "dependsOn: [{name: gate}]"))}))
		Expect(lint.Text(findings, graph)).To(HaveSuffix("\nNot looked into, because the content is not here: Kustomization flux-system/far.\n"))
	})

	It("doubts, as text, that a directory of which nothing was looked into is the root", func() {
		findings, graph := linted(files{"far.yaml": from("far", kustomization("far", "./far"))})
		Expect(lint.Text(findings, graph)).To(HaveSuffix("1 error, 0 warnings. There is no gate.\n" +
			"Not looked into, because the content is not here: Kustomization flux-system/far.\n" +
			"That is all of them: is this directory the root of the repository, to which spec.path is relative?\n"))
	})

	It("keeps its JSON", func() {
		encoded, err := lint.JSON(linted(tree))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(encoded)).To(Equal(`{
  "errors": 1,
  "warnings": 0,
  "gate": {
    "group": "kustomize.toolkit.fluxcd.io",
    "kind": "Kustomization",
    "namespace": "flux-system",
    "name": "gate"
  },
  "findings": [
    {
      "code": "not-behind-gate",
      "severity": "error",
      "object": {
        "group": "kustomize.toolkit.fluxcd.io",
        "kind": "Kustomization",
        "namespace": "flux-system",
        "name": "extra"
      },
      "file": "clusters/home/extra.yaml",
      "line": 1,
      "message": "is not behind the gate: none of its dependencies leads to Kustomization flux-system/gate; nor is what comes after it: HelmRelease apps/extra",
      "remedy": "add {name: gate} to its spec.dependsOn; or, if the network needs it, add it to the dependsOn of the gate; or, if it is meant to start before, annotate it with rebirth.tazlab.net/upstream-of-gate: \"true\"",
      "affected": [
        {
          "group": "helm.toolkit.fluxcd.io",
          "kind": "HelmRelease",
          "namespace": "apps",
          "name": "extra"
        }
      ]
    }
  ],
  "downstream": [
    {
      "group": "helm.toolkit.fluxcd.io",
      "kind": "HelmRelease",
      "namespace": "apps",
      "name": "app"
    },
    {
      "group": "kustomize.toolkit.fluxcd.io",
      "kind": "Kustomization",
      "namespace": "flux-system",
      "name": "app"
    }
  ],
  "upstream": [],
  "unread": []
}
`))
	})

	It("is the same however often it is made", func() {
		first, err := lint.JSON(linted(tree))
		Expect(err).NotTo(HaveOccurred())
		for range 10 {
			Expect(lint.JSON(linted(tree))).To(Equal(first))
		}
	})

	It("has lists, not null, when there is nothing", func() {
		encoded, err := lint.JSON(linted(files{"empty.yaml": ""}))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(encoded)).To(SatisfyAll(
			ContainSubstring(`"gate": null`), ContainSubstring(`"downstream": []`), ContainSubstring(`"unread": []`)))
	})
})
