package externalsecret_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	jsonpatch "github.com/evanphx/json-patch/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/eso"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

const (
	namespace  = "monitoring"
	name       = "grafana"
	secretName = "db-credentials"

	reconcileKey = "kustomize.toolkit.fluxcd.io/reconcile"
)

// live is an ExternalSecret as ESO's CRD would store it, changed by edits.
func live(edits ...func(map[string]any)) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"namespace": namespace, "name": name, "uid": "uid-1", "resourceVersion": "7",
			"labels": map[string]any{"kustomize.toolkit.fluxcd.io/name": "apps"},
		},
		"spec": map[string]any{
			"secretStoreRef": map[string]any{"kind": "ClusterSecretStore", "name": "vault"},
			"target":         map[string]any{"name": secretName, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
		},
		"status": map[string]any{"refreshTime": "2026-03-01T09:00:00Z"},
	}}
	object.SetGroupVersionKind(externalsecret.GroupVersionKind)
	for _, edit := range edits {
		edit(object.Object)
	}
	return object
}

func set(value any, fields ...string) func(map[string]any) {
	return func(object map[string]any) {
		Expect(unstructured.SetNestedField(object, value, fields...)).To(Succeed())
	}
}

func unset(fields ...string) func(map[string]any) {
	return func(object map[string]any) { unstructured.RemoveNestedField(object, fields...) }
}

func both(edits ...func(map[string]any)) func(map[string]any) {
	return func(object map[string]any) {
		for _, edit := range edits {
			edit(object)
		}
	}
}

var quiet = both(set("Orphan", "spec", "target", "creationPolicy"), set("CreatedOnce", "spec", "refreshPolicy"))

// frozen is what Freeze makes of live().
var frozen = both(quiet,
	set("disabled", "metadata", "annotations", reconcileKey),
	set(`{"creationPolicy":"Owner"}`, "metadata", "annotations", v1alpha1.FrozenAnnotation))

func observe(object *unstructured.Unstructured) externalsecret.External {
	c := fake.NewClientBuilder().WithObjects(object).Build()
	e, err := eso.Observe(context.Background(), c, namespace, name)
	Expect(err).NotTo(HaveOccurred())
	return e
}

// failing is a reader whose GETs of each version end so.
func failing(errs map[string]error) client.Reader {
	return interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
			return errs[object.GetObjectKind().GroupVersionKind().Version]
		},
	})
}

var (
	noMatch  = &meta.NoKindMatchError{GroupKind: externalsecret.GroupVersionKind.GroupKind()}
	notFound = apierrors.NewNotFound(schema.GroupResource{Group: "external-secrets.io", Resource: "externalsecrets"}, name)
	// noPath is what a client gets for a path that the API server doesn't serve.
	noPath = apierrors.NewGenericServerResponse(http.StatusNotFound, "get",
		schema.GroupResource{Group: "external-secrets.io", Resource: "externalsecrets"}, name, "404 page not found", 0, true)
)

var _ = Describe("Observing an ExternalSecret", func() {
	It("reads what decides", func() {
		e := observe(live(set("Periodic", "spec", "refreshPolicy"), set("x", "metadata", "annotations", "a")))
		Expect(e).To(And(
			HaveField("Served", true), HaveField("Exists", true), HaveField("Outdated", false),
			HaveField("Namespace", namespace), HaveField("Name", name), HaveField("UID", "uid-1"),
			HaveField("ResourceVersion", "7"), HaveField("Annotations", HaveKeyWithValue("a", "x")),
			HaveField("TargetName", secretName), HaveField("CreationPolicy", "Owner"),
			HaveField("RefreshPolicy", "Periodic"), HaveField("Refreshed", true),
		))
	})

	It("takes the ExternalSecret's own name for the target's by default", func() {
		Expect(observe(live(unset("spec", "target")))).To(HaveField("TargetName", name))
	})

	DescribeTable("takes what isn't there for a fact",
		func(errs map[string]error, served, outdated, exists bool) {
			e, err := eso.Observe(context.Background(), failing(errs), namespace, name)
			Expect(err).NotTo(HaveOccurred())
			Expect(e).To(And(HaveField("Served", served), HaveField("Outdated", outdated), HaveField("Exists", exists)))
		},
		Entry("no object", map[string]error{"v1": notFound}, true, false, false),
		Entry("no CRD", map[string]error{"v1": noMatch, "v1beta1": noMatch}, false, false, false),
		Entry("no CRD any more", map[string]error{"v1": noPath, "v1beta1": noPath}, false, false, false),
		Entry("an old ESO without the object", map[string]error{"v1": noMatch, "v1beta1": notFound}, false, true, false),
		Entry("an old ESO with the object", map[string]error{"v1": noMatch, "v1beta1": nil}, false, true, true),
	)

	DescribeTable("fails when the API server does, and names the object",
		func(errs map[string]error) {
			_, err := eso.Observe(context.Background(), failing(errs), namespace, name)
			Expect(err).To(MatchError(HavePrefix("reading ExternalSecret monitoring/grafana: ")))
		},
		Entry("in v1", map[string]error{"v1": errors.New("boom")}),
		Entry("in v1beta1", map[string]error{"v1": noMatch, "v1beta1": errors.New("boom")}),
	)
})

var _ = Describe("Deciding whether the Secret can be taken", func() {
	DescribeTable("answers",
		func(edit func(map[string]any), method v1alpha1.TakeOverMethod, kind externalsecret.Kind, takeable bool, said string) {
			answer := externalsecret.Decide(observe(live(edit)), method, secretName)
			Expect(answer.Kind).To(Equal(kind))
			Expect(answer.Takeable()).To(Equal(takeable))
			Expect(answer.Message).To(Equal(said))
		},
		Entry("it refreshes, Cooperate: what has to become what in Git", both(),
			v1alpha1.TakeOverCooperate, externalsecret.NotCooperating, false,
			"ExternalSecret monitoring/grafana still writes the Secret: set spec.target.creationPolicy to Orphan (it is Owner) and spec.refreshPolicy to CreatedOnce (it is Periodic) in Git, or spec.externalSecret.method of the import to Freeze"),
		Entry("it says nothing of policies", unset("spec", "target", "creationPolicy"),
			v1alpha1.TakeOverCooperate, externalsecret.NotCooperating, false,
			"ExternalSecret monitoring/grafana still writes the Secret: set spec.target.creationPolicy to Orphan (it is Owner) and spec.refreshPolicy to CreatedOnce (it is Periodic) in Git, or spec.externalSecret.method of the import to Freeze"),
		Entry("CreatedOnce alone", set("CreatedOnce", "spec", "refreshPolicy"),
			v1alpha1.TakeOverCooperate, externalsecret.NotCooperating, false,
			"ExternalSecret monitoring/grafana still writes the Secret: set spec.target.creationPolicy to Orphan (it is Owner) in Git, or spec.externalSecret.method of the import to Freeze"),
		Entry("Orphan alone", set("Orphan", "spec", "target", "creationPolicy"),
			v1alpha1.TakeOverCooperate, externalsecret.NotCooperating, false,
			"ExternalSecret monitoring/grafana still writes the Secret: set spec.refreshPolicy to CreatedOnce (it is Periodic) in Git, or spec.externalSecret.method of the import to Freeze"),
		Entry("both", quiet, v1alpha1.TakeOverCooperate, externalsecret.Quiet, true,
			"ExternalSecret monitoring/grafana only seeds the Secret"),
		Entry("both, not seeded yet", both(quiet, unset("status")), v1alpha1.TakeOverCooperate, externalsecret.Quiet, true,
			"ExternalSecret monitoring/grafana only seeds the Secret (it has not written it yet, and will once)"),
		Entry("both, in Git, though Freeze would be allowed", quiet, v1alpha1.TakeOverFreeze, externalsecret.Quiet, true,
			"ExternalSecret monitoring/grafana only seeds the Secret"),
		Entry("it refreshes, Freeze", both(), v1alpha1.TakeOverFreeze, externalsecret.NeedsFreeze, false,
			"ExternalSecret monitoring/grafana still writes the Secret, so it has to be frozen first: that sets spec.target.creationPolicy to Orphan (it is Owner) and spec.refreshPolicy to CreatedOnce (it is Periodic)"),
		Entry("frozen", frozen, v1alpha1.TakeOverFreeze, externalsecret.Frozen, true,
			"ExternalSecret monitoring/grafana is frozen and leaves the Secret alone; the way back is in its annotation rebirth.tazlab.net/frozen"),
		Entry("frozen, and Flux was let at it", both(frozen, unset("metadata", "annotations", reconcileKey)),
			v1alpha1.TakeOverFreeze, externalsecret.NeedsFreeze, false,
			"ExternalSecret monitoring/grafana still writes the Secret, so it has to be frozen first: that sets annotation kustomize.toolkit.fluxcd.io/reconcile to disabled"),
		Entry("frozen, and a policy was set back", both(frozen, set("Owner", "spec", "target", "creationPolicy")),
			v1alpha1.TakeOverFreeze, externalsecret.NeedsFreeze, false,
			"ExternalSecret monitoring/grafana still writes the Secret, so it has to be frozen first: that sets spec.target.creationPolicy to Orphan (it is Owner)"),
		Entry("frozen by a method that the import no longer asks for", frozen,
			v1alpha1.TakeOverCooperate, externalsecret.Frozen, true,
			"ExternalSecret monitoring/grafana is frozen and leaves the Secret alone; the way back is in its annotation rebirth.tazlab.net/frozen: once Git sets spec.target.creationPolicy Orphan and spec.refreshPolicy CreatedOnce, remove that annotation and kustomize.toolkit.fluxcd.io/reconcile"),
		Entry("another target, however quiet", both(quiet, set("other", "spec", "target", "name")),
			v1alpha1.TakeOverFreeze, externalsecret.WrongTarget, false,
			`ExternalSecret monitoring/grafana writes Secret "other" (spec.target.name), not "db-credentials": name the ExternalSecret that does in spec.externalSecret.name of the import`),
	)

	DescribeTable("answers when there is nothing to judge",
		func(e externalsecret.External, kind externalsecret.Kind, said string) {
			e.Namespace, e.Name = namespace, name
			answer := externalsecret.Decide(e, v1alpha1.TakeOverFreeze, secretName)
			Expect(answer).To(Equal(externalsecret.Answer{Kind: kind, Message: said}))
		},
		Entry("no object", externalsecret.External{Served: true}, externalsecret.Absent,
			"ExternalSecret monitoring/grafana does not exist: nothing to take over from"),
		Entry("no CRD", externalsecret.External{}, externalsecret.Absent,
			"ExternalSecret monitoring/grafana does not exist, nor does the API server have the kind: nothing to take over from"),
		Entry("an old ESO without it", externalsecret.External{Outdated: true}, externalsecret.Absent,
			"ExternalSecret monitoring/grafana does not exist, nor does the API server have the kind: nothing to take over from"),
		Entry("an old ESO with it", externalsecret.External{Outdated: true, Exists: true}, externalsecret.NotCooperating,
			"ExternalSecret monitoring/grafana can't be judged, as this External Secrets serves v1beta1 only: upgrade it to v0.16 or newer"),
	)
})

// patched applies a JSON patch the way the API server does.
func patched(object *unstructured.Unstructured, patch []byte) (*unstructured.Unstructured, error) {
	before, err := json.Marshal(object.Object)
	Expect(err).NotTo(HaveOccurred())
	decoded, err := jsonpatch.DecodePatch(patch)
	Expect(err).NotTo(HaveOccurred())
	after, err := decoded.Apply(before)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, json.Unmarshal(after, &out.Object)
}

func freeze(object *unstructured.Unstructured) *unstructured.Unstructured {
	patch, err := externalsecret.FreezePatch(observe(object))
	Expect(err).NotTo(HaveOccurred())
	after, err := patched(object, patch)
	Expect(err).NotTo(HaveOccurred())
	return after
}

func thaw(object *unstructured.Unstructured) *unstructured.Unstructured {
	patch, err := externalsecret.ThawPatch(observe(object))
	Expect(err).NotTo(HaveOccurred())
	after, err := patched(object, patch)
	Expect(err).NotTo(HaveOccurred())
	return after
}

var _ = Describe("Freezing and thawing", func() {
	It("sets both policies, keeps Flux out and records what was", func() {
		after := freeze(live())
		Expect(after.Object).To(Equal(live(frozen).Object))
		Expect(externalsecret.Decide(observe(after), v1alpha1.TakeOverFreeze, secretName).Kind).To(Equal(externalsecret.Frozen))
	})

	DescribeTable("thaws to just what was frozen",
		func(edit func(map[string]any)) {
			before := live(edit)
			// Removing the last annotation leaves an empty map, which the API server drops.
			Expect(thaw(freeze(before))).To(HaveField("Object", HaveKeyWithValue("spec", before.Object["spec"])))
			Expect(thaw(freeze(before)).GetAnnotations()).To(BeComparableTo(before.GetAnnotations(), emptyIsNil))
		},
		Entry("policies given", set("Periodic", "spec", "refreshPolicy")),
		Entry("no refreshPolicy", both()),
		Entry("no creationPolicy", unset("spec", "target", "creationPolicy")),
		Entry("other annotations", set("x", "metadata", "annotations", "a/b~c")),
		Entry("Flux told to reconcile", set("enabled", "metadata", "annotations", reconcileKey)),
		Entry("Flux already kept out", set("disabled", "metadata", "annotations", reconcileKey)),
	)

	It("freezes one without spec.target", func() {
		before := live(unset("spec", "target"))
		e := observe(freeze(before))
		Expect(externalsecret.Decide(e, v1alpha1.TakeOverFreeze, name).Kind).To(Equal(externalsecret.Frozen))
	})

	It("keeps the first record when it freezes again what somebody set back", func() {
		setBack := freeze(live())
		set("Merge", "spec", "target", "creationPolicy")(setBack.Object)
		after := freeze(setBack)
		Expect(after.GetAnnotations()).To(HaveKeyWithValue(v1alpha1.FrozenAnnotation, `{"creationPolicy":"Owner"}`))
		Expect(thaw(after).Object).To(HaveKeyWithValue("spec", live().Object["spec"]))
	})

	It("makes a new record of one that can't be read", func() {
		broken := live(set("?", "metadata", "annotations", v1alpha1.FrozenAnnotation))
		Expect(freeze(broken).GetAnnotations()).To(HaveKeyWithValue(v1alpha1.FrozenAnnotation, `{"creationPolicy":"Owner"}`))
	})

	It("leaves a policy as it is that somebody changed since", func() {
		changed := freeze(live())
		set("Merge", "spec", "target", "creationPolicy")(changed.Object)
		after := observe(thaw(changed))
		Expect(after.CreationPolicy).To(Equal("Merge"))
		Expect(after.RefreshPolicy).To(BeEmpty())
		Expect(after.Annotations).NotTo(HaveKey(v1alpha1.FrozenAnnotation))
	})

	It("has nothing to thaw where nothing was frozen, however quiet", func() {
		Expect(externalsecret.ThawPatch(observe(live(quiet)))).To(BeNil())
	})

	It("says what to do by hand about a record that can't be read", func() {
		_, err := externalsecret.ThawPatch(observe(live(set("?", "metadata", "annotations", v1alpha1.FrozenAnnotation))))
		Expect(err).To(MatchError(And(
			ContainSubstring("annotation rebirth.tazlab.net/frozen of ExternalSecret monitoring/grafana"), ContainSubstring("by hand"))))
	})

	DescribeTable("patches only the object that was read",
		func(edit func(map[string]any)) {
			for _, patchOf := range []func(externalsecret.External) ([]byte, error){externalsecret.FreezePatch, externalsecret.ThawPatch} {
				patch, err := patchOf(observe(live(frozen)))
				Expect(err).NotTo(HaveOccurred())
				_, err = patched(live(frozen), patch)
				Expect(err).NotTo(HaveOccurred())
				_, err = patched(live(both(frozen, edit)), patch)
				Expect(err).To(MatchError(jsonpatch.ErrTestFailed))
			}
		},
		Entry("not another incarnation", set("uid-2", "metadata", "uid")),
		Entry("not another version", set("8", "metadata", "resourceVersion")),
	)

	It("writes the patches", func() {
		ctx := context.Background()
		c := fake.NewClientBuilder().WithObjects(live()).Build()
		read := func() externalsecret.External {
			e, err := eso.Observe(ctx, c, namespace, name)
			Expect(err).NotTo(HaveOccurred())
			return e
		}
		before := read()
		Expect(eso.Freeze(ctx, c, before)).To(Succeed())
		Expect(externalsecret.Decide(read(), v1alpha1.TakeOverFreeze, secretName).Kind).To(Equal(externalsecret.Frozen))
		Expect(eso.Freeze(ctx, c, before)).To(MatchError(HavePrefix("freezing ExternalSecret monitoring/grafana")))
		Expect(eso.Thaw(ctx, c, read())).To(Succeed())
		Expect(read()).To(And(HaveField("CreationPolicy", "Owner"), HaveField("RefreshPolicy", "")))
		Expect(eso.Thaw(ctx, c, read())).To(Succeed())
	})
})
