package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var (
	conditionDesc = prometheus.NewDesc("secret_sync_condition",
		"1 for the status that a condition of an export or import has, 0 for the others.",
		[]string{"kind", "namespace", "name", "type", "status"}, nil)
	changedDesc = prometheus.NewDesc("secret_sync_mirror_changed_timestamp_seconds",
		"When a value of the mirror was last changed; its age is time() minus this.",
		[]string{"namespace", "name"}, nil)
)

// Objects reports the state of every export and import at the time of a scrape,
// straight from the cache: nothing has to be kept, or removed with its object.
type Objects struct{ reader client.Reader }

// NewObjects returns a collector that reads from the cache of a manager.
func NewObjects(cache client.Reader) *Objects { return &Objects{cache} }

// Describe implements prometheus.Collector.
func (o *Objects) Describe(ch chan<- *prometheus.Desc) { ch <- conditionDesc; ch <- changedDesc }

// Collect implements prometheus.Collector.
func (o *Objects) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var exports v1alpha1.SecretExportList
	if err := o.reader.List(ctx, &exports); err == nil {
		for i := range exports.Items {
			e := &exports.Items[i]
			collectConditions(ch, v1alpha1.SecretExportKind, e, e.Status.Conditions)
		}
	}
	var imports v1alpha1.SecretImportList
	if err := o.reader.List(ctx, &imports); err != nil {
		return
	}
	for i := range imports.Items {
		imp := &imports.Items[i]
		collectConditions(ch, v1alpha1.SecretImportKind, imp, imp.Status.Conditions)
		if t := imp.Status.Target; t != nil && t.ChangedAt != nil {
			ch <- prometheus.MustNewConstMetric(changedDesc, prometheus.GaugeValue, float64(t.ChangedAt.Unix()), imp.Namespace, imp.Name)
		}
	}
}

func collectConditions(ch chan<- prometheus.Metric, kind string, obj metav1.Object, conditions []metav1.Condition) {
	for _, c := range conditions {
		for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
			value := 0.0
			if c.Status == status {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(conditionDesc, prometheus.GaugeValue, value, kind, obj.GetNamespace(), obj.GetName(), c.Type, string(status))
		}
	}
}
