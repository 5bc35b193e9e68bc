package proof

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
)

// obstacle is why a source can't be proven now.
type obstacle struct {
	class   outcome.Class
	reason  string
	message string
}

func waiting(reason, format string, args ...any) *obstacle {
	return &obstacle{outcome.Waiting, reason, fmt.Sprintf(format, args...)}
}

func stalled(reason, format string, args ...any) *obstacle {
	return &obstacle{outcome.Stalled, reason, fmt.Sprintf(format, args...)}
}

// unsettled finds what stands in the way before the source Secret is read.
func unsettled(f Facts) *obstacle {
	if problem := invalid(f.Export); problem != "" {
		return stalled(v1alpha1.InvalidSpecReason, "%s", problem)
	}
	if !f.Granted {
		return stalled(v1alpha1.NoRightsReason, "secret-sync has no right to read Secret %s/%s: add it to the chart's values, exports: [{namespace: %s}]",
			f.Export.Namespace, f.Export.SecretName(), f.Export.Namespace)
	}
	user := f.Export.Spec.Source.PostgresUser
	if user == nil {
		return nil
	}
	if !f.ClusterKnown {
		return waiting(v1alpha1.CRDMissingReason, "PostgresClusters can't be listed in namespace %s yet: waiting for PGO's CRD, and for the Role that the chart puts there", f.Export.Namespace)
	}
	if f.Cluster == nil {
		return waiting(v1alpha1.ClusterMissingReason, "waiting for PostgresCluster %s/%s to be created", f.Export.Namespace, user.Cluster)
	}
	settlement := pgo.Settled(*f.Cluster, user.User)
	switch {
	case settlement.Settled:
		return nil
	case settlement.Reason == v1alpha1.ClusterStartingReason && proven(f):
		return nil // a failover: the database that was proven is still the same
	case settlement.Stalled:
		return stalled(settlement.Reason, "%s", settlement.Message)
	default:
		return waiting(settlement.Reason, "%s", settlement.Message)
	}
}

// proven reports whether the proof that stands is about the present Secret and
// the present incarnation of the database.
func proven(f Facts) bool {
	v := f.Export.Status.Verification
	return v != nil && v.Result == v1alpha1.LoginSucceededReason && revision.Current(v.Revision, f.SeenVersion) && v.Database == database(f)
}

func database(f Facts) string {
	if f.Cluster == nil {
		return ""
	}
	return f.Cluster.Database()
}

func usersRevision(f Facts) string {
	if f.Cluster == nil {
		return ""
	}
	return f.Cluster.UsersRevision
}

// incomplete finds what is wrong with the source Secret, or the CA's, as read.
func incomplete(f Facts) *obstacle {
	name := f.Export.Namespace + "/" + f.Export.SecretName()
	if f.Source == nil {
		return waiting(v1alpha1.SourceMissingReason, "waiting for Secret %s; what was mirrored is kept", name)
	}
	switch f.Source.Type {
	case corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken:
		return stalled(v1alpha1.SourceTypeReason, "Secret %s is of type %s: credentials of the cluster itself are not exported", name, f.Source.Type)
	}
	if f.Export.Spec.Source.PostgresUser == nil {
		if len(f.Source.Data) == 0 {
			return waiting(v1alpha1.SourceIncompleteReason, "Secret %s is empty; what was mirrored is kept", name)
		}
		return nil
	}
	switch {
	case f.Source.Orphaned:
		return waiting(v1alpha1.SourceNotOwnedReason, "Secret %s is not used: %s; waiting for PGO to write its own", name, f.Source.NotOwned)
	case f.Source.NotOwned != "":
		return stalled(v1alpha1.SourceNotOwnedReason, "Secret %s is refused: %s, but %s %s/%s must own it: delete that Secret, and PGO writes its own; or export it with spec.source.secret",
			name, f.Source.NotOwned, pgo.Kind, f.Export.Namespace, f.Export.Spec.Source.PostgresUser.Cluster)
	}
	if missing := pgo.Complete(f.Source.Data); len(missing) > 0 {
		return waiting(v1alpha1.SourceIncompleteReason, "Secret %s has no %s yet; what was mirrored is kept", name, strings.Join(missing, ", "))
	}
	return withoutCA(f)
}

func withoutCA(f Facts) *obstacle {
	if !f.Export.IncludesCA() || f.CA != nil {
		return nil
	}
	secret, key := f.Cluster.CASecret()
	if key == "" {
		return stalled(v1alpha1.CAMissingReason, "spec.customTLSSecret of %s has items, and none with the path ca.crt: add one, or set spec.includeCA: false", *f.Cluster)
	}
	if !f.CAGranted {
		return stalled(v1alpha1.NoRightsReason, "secret-sync has no right to read Secret %s/%s, which holds the cluster's CA: add %s to exports[].secrets of the chart's values, or set spec.includeCA: false",
			f.Export.Namespace, secret, secret)
	}
	return waiting(v1alpha1.CAMissingReason, "waiting for a certificate under key %q of Secret %s/%s (or set spec.includeCA: false)", key, f.Export.Namespace, secret)
}

// invalid finds what the CRD's schema can't.
func invalid(export *v1alpha1.SecretExport) string {
	for i, to := range export.Spec.To {
		if to.Namespace == export.Namespace {
			return fmt.Sprintf("spec.to[%d].namespace is this export's own namespace %s: consumers there use Secret %s directly", i, export.Namespace, export.SecretName())
		}
		if to.NamespaceSelector != nil {
			if _, err := metav1.LabelSelectorAsSelector(to.NamespaceSelector); err != nil {
				return fmt.Sprintf("spec.to[%d].namespaceSelector: %s", i, err)
			}
		}
	}
	return ""
}
