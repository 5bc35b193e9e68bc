package main

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The controller's process", func() {
	const chart = `
kind: ServiceAccount
apiVersion: v1
metadata: {name: secret-sync}
---
kind: Deployment
apiVersion: apps/v1
spec:
  template:
    spec:
      serviceAccountName: somebody
      containers:
        - name: controller
          args: [--export=tazlab-db, "--metrics-addr=:8080", "--health-addr=:9440", --enable-leader-election]
          env:
            - {name: RUNTIME_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
            - {name: GOMEMLIMIT, value: 115MiB}
`

	It("has the flags and environment of the chart's Deployment, apart from addresses", func() {
		container, account, err := deployed([]byte(chart))
		Expect(err).NotTo(HaveOccurred())
		Expect(account).To(Equal("somebody"))
		Expect(environment(container)).To(ConsistOf("RUNTIME_NAMESPACE=secret-sync", "GOMEMLIMIT=115MiB"))
		c := &controller{}
		args, err := c.onLoopback(container.Args)
		Expect(err).NotTo(HaveOccurred())
		Expect(args).To(HaveExactElements(Equal("--export=tazlab-db"), MatchRegexp(`^--metrics-addr=127\.0\.0\.1:\d+$`),
			MatchRegexp(`^--health-addr=127\.0\.0\.1:\d+$`), Equal("--enable-leader-election")))
		Expect("--health-addr=" + c.health[len("http://"):]).To(Equal(args[2]))
	})

	It("is not started from a chart that renders no Deployment", func() {
		_, _, err := deployed([]byte("kind: ServiceAccount\napiVersion: v1\n"))
		Expect(err).To(MatchError(ContainSubstring("no Deployment")))
	})
})
