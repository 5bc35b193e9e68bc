package proof_test

import (
	"crypto/md5"
	"encoding/hex"
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/proof"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
)

const (
	password   = "canary-password"
	sourceName = "tazlab-db/tazlab-db-pguser-grafana"
	ca         = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
)

// start is a whole second, as the reconciler's clock gives it.
var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

var (
	succeeded   = login.Result{Outcome: login.Succeeded, Message: "the password logs in"}
	refused     = login.Result{Outcome: login.PasswordRefused, Message: "SQLSTATE 28P01"}
	notLetIn    = login.Result{Outcome: login.Refused, Message: "pg_hba.conf lets no password login through"}
	unreachable = login.Result{Outcome: login.Unreachable, Message: "connection refused"}
	tlsFailed   = login.Result{Outcome: login.TLSFailed, Message: "the certificate can't be verified"}
)

// facts are those of the first look at an export whose source is settled.
func facts(edits ...func(*proof.Facts)) proof.Facts {
	f := proof.Facts{
		Now: start,
		Export: &v1alpha1.SecretExport{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tazlab-db", Name: "grafana", Generation: 1},
			Spec: v1alpha1.SecretExportSpec{
				Source: v1alpha1.ExportSource{PostgresUser: &v1alpha1.PostgresUserSource{Cluster: "tazlab-db", User: "grafana"}},
				To:     []v1alpha1.ExportDestination{{Namespace: "monitoring"}},
				Verify: v1alpha1.VerifyBestEffort, Repair: v1alpha1.RepairNone,
			},
			Status: v1alpha1.SecretExportStatus{ObservedGeneration: -1},
		},
		Granted: true, CAGranted: true, ClusterKnown: true,
		Cluster: &pgo.Cluster{
			Namespace: "tazlab-db", Name: "tazlab-db", UID: "cluster-1", Users: "backend,grafana",
			SystemIdentifier: "7000", ReadyReplicas: 1, UsersRevision: "r1",
		},
		SeenVersion: "100", SeenCAVersion: "90",
		Source: &proof.Source{ResourceVersion: "100", Type: corev1.SecretTypeOpaque, Data: redact.Data{
			"host": []byte("tazlab-db-primary.tazlab-db.svc"), "port": []byte("5432"), "dbname": []byte("grafana"),
			"user": []byte("grafana"), "password": []byte(password), "verifier": []byte(verifierOf(password)),
		}},
		CA: &proof.CA{ResourceVersion: "90", PEM: ca},
	}
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

// verifierOf is PostgreSQL's md5 verifier of a password of the user grafana.
func verifierOf(password string) string {
	sum := md5.Sum([]byte(password + "grafana"))
	return "md5" + hex.EncodeToString(sum[:])
}

func verify(p v1alpha1.VerifyPolicy) func(*proof.Facts) {
	return func(f *proof.Facts) { f.Export.Spec.Verify = p }
}

func repairing(f *proof.Facts) { f.Export.Spec.Repair = v1alpha1.RepairReapplyVerifier }

func requested(f *proof.Facts) { f.Requested = true }

// ofSecret makes the source any Secret.
func ofSecret(f *proof.Facts) {
	f.Export.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: "tls"}}
	f.ClusterKnown, f.Cluster, f.CA, f.SeenCAVersion = false, nil, nil, ""
}

// content edits the source's data.
func content(key, value string) func(*proof.Facts) {
	return func(f *proof.Facts) {
		source := *f.Source
		source.Data = maps.Clone(f.Source.Data)
		source.Data[key] = []byte(value)
		f.Source = &source
	}
}

// rewritten gives the source another version.
func rewritten(version string) func(*proof.Facts) {
	return func(f *proof.Facts) {
		source := *f.Source
		source.ResourceVersion = version
		f.Source, f.SeenVersion = &source, version
	}
}

// cluster edits the cluster.
func cluster(edit func(*pgo.Cluster)) func(*proof.Facts) {
	return func(f *proof.Facts) {
		c := *f.Cluster
		edit(&c)
		f.Cluster = &c
	}
}

// restored is the cluster after an in-place restore.
var restored = cluster(func(c *pgo.Cluster) {
	c.WantedRestore = "restore-1"
	c.Restore = pgo.Restore{ID: "restore-1", Finished: true, Succeeded: 1}
	c.DataInitialized = pgo.Condition{Status: metav1.ConditionTrue, Reason: "PGBackRestRestoreComplete"}
})

// exporter plays one export through time: it logs in when that is due and keeps
// the status, as the reconciler does.
type exporter struct {
	proof.Facts
	logins int
}

func export(edits ...func(*proof.Facts)) *exporter { return &exporter{Facts: facts(edits...)} }

// at looks at the export, seconds after the start, with a database that answers so.
func (e *exporter) at(seconds int, answer login.Result, edits ...func(*proof.Facts)) proof.Plan {
	GinkgoHelper()
	e.Requested = false
	for _, edit := range edits {
		edit(&e.Facts)
	}
	e.Now, e.Login = start.Add(time.Duration(seconds)*time.Second), nil
	f := e.Facts
	if !proof.NeedsSource(f) {
		f.Source, f.CA = nil, nil // not read
	}
	if proof.LoginDue(f) {
		e.logins++
		f.Login = &answer
	}
	plan := proof.Decide(f)
	e.report(plan)
	return plan
}

func (e *exporter) report(plan proof.Plan) {
	GinkgoHelper()
	Expect(plan.Outcome.Message).NotTo(ContainSubstring("canary"))
	if plan.Keep {
		return
	}
	e.Export = e.Export.DeepCopy()
	status := &e.Export.Status
	status.ObservedGeneration, status.Verification = e.Export.Generation, plan.Verification
	if plan.Repair != nil {
		status.Repair = plan.Repair
	}
	if p := plan.Publish; p != nil {
		status.Revision, status.CA, status.CAResourceVersion = p.Revision, p.CA, p.CAResourceVersion
	}
	plan.Outcome.Set(e.Export)
}

// condition is what the plan says about one condition type.
func condition(plan proof.Plan, of string) outcome.Condition {
	for _, c := range plan.Outcome.Conditions {
		if c.Type == of {
			return c
		}
	}
	return outcome.Condition{}
}

func verified(plan proof.Plan) outcome.Condition { return condition(plan, v1alpha1.VerifiedCondition) }

// expectPublished checks that imports may copy the source at that version.
func expectPublished(plan proof.Plan, version, reason string, status metav1.ConditionStatus) {
	GinkgoHelper()
	Expect(plan.Outcome.Class).To(Equal(outcome.Ready), "%s", plan.Outcome.Message)
	Expect(plan.Publish).NotTo(BeNil())
	Expect(revision.Source(plan.Publish.Revision)).To(Equal(version))
	Expect(verified(plan).Reason).To(Equal(reason))
	Expect(verified(plan).Status).To(Equal(status))
	Expect(condition(plan, v1alpha1.SettledCondition).Status).To(Equal(metav1.ConditionTrue))
	Expect(plan.Repair).To(BeNil())
}

// expectPending checks that nothing is handed on, and what is said.
func expectPending(plan proof.Plan, class outcome.Class, reason string, words ...string) {
	GinkgoHelper()
	Expect(plan.Publish).To(BeNil())
	Expect(plan.Keep).To(BeFalse())
	Expect(plan.Outcome.Class).To(Equal(class), "%s", plan.Outcome.Message)
	Expect(plan.Outcome.Reason).To(Equal(reason))
	for _, word := range words {
		Expect(plan.Outcome.Message).To(ContainSubstring(word))
	}
}
