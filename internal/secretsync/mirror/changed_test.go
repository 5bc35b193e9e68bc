package mirror_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

var _ = Describe("The moment of a change", func() {
	// moments are written with the data, so they are read from the mirror.
	moments := func(plan mirror.Plan) mirror.Changed {
		written := mirror.ReadChanged(plan.Mirror.Secret().Annotations)
		ExpectWithOffset(1, plan.Changed).To(Equal(written))
		return written
	}
	// moved are settled facts whose mirror has the moment for every key.
	moved := func(seconds int, moment time.Time, edits ...func(*mirror.Facts)) mirror.Facts {
		return after(seconds, append([]func(*mirror.Facts){func(f *mirror.Facts) {
			all := mirror.Changed{}
			for key := range f.Target.Secret().Data {
				all[key] = moment
			}
			text, err := json.Marshal(all)
			Expect(err).NotTo(HaveOccurred())
			f.Target.Secret().Annotations[v1alpha1.ChangedAnnotation] = string(text)
		}}, edits...)...)
	}

	It("of a mirror that is created is the second before, for every key", func() {
		Expect(moments(mirror.Decide(facts()))).To(And(
			HaveLen(6), HaveKeyWithValue("password", at(-1)), HaveKeyWithValue("ca.crt", at(-1))))
	})

	It("is written in UTC and whole seconds, as Kubernetes reports container starts", func() {
		f := facts(keys(v1alpha1.KeyMapping{From: "user"}))
		f.Now = now.In(time.FixedZone("CET", 3600))
		annotations := mirror.Decide(f).Mirror.Secret().Annotations
		Expect(annotations).To(HaveKeyWithValue(v1alpha1.ChangedAnnotation, `{"user":"2026-03-01T09:59:59Z"}`))
	})

	It("of an updated key is the second of the write; others keep theirs", func() {
		changed := moments(mirror.Decide(after(60, rotated("new"))))
		Expect(changed).To(HaveKeyWithValue("password", at(60)))
		Expect(changed).To(HaveKeyWithValue("user", at(-1)))
		Expect(changed.Newest()).To(Equal(at(60)))
	})

	DescribeTable("never runs backwards, whatever the clock does",
		func(before, expected time.Time) {
			Expect(moments(mirror.Decide(moved(60, before, rotated("new"))))).To(HaveKeyWithValue("password", expected))
		},
		Entry("a second change within one second", at(60), at(61)),
		Entry("a clock that went back", at(3600), at(3601)),
		Entry("a clock that went on", at(59), at(60)),
	)

	DescribeTable("of an update is after the Secret's creation, so that the two can be told apart",
		func(created, expected time.Time) {
			f := after(60, rotated("new"), func(f *mirror.Facts) { f.Target.Secret().CreationTimestamp = metav1.NewTime(created) })
			Expect(moments(mirror.Decide(f))).To(HaveKeyWithValue("password", expected))
		},
		Entry("long after it", at(0), at(60)),
		Entry("within its second", at(60), at(61)),
		Entry("by a clock that is behind the API server's", at(62), at(63)),
	)

	It("of a key that is added is that of the write, and a key that goes loses its moment", func() {
		changed := moments(mirror.Decide(after(60, func(f *mirror.Facts) { f.Import.Generation = 2 },
			keys(v1alpha1.KeyMapping{From: "user"}, v1alpha1.KeyMapping{From: "password", To: "PGPASSWORD"}))))
		Expect(changed).To(HaveLen(2))
		Expect(changed).To(HaveKeyWithValue("user", at(-1)))
		Expect(changed).To(HaveKeyWithValue("PGPASSWORD", at(60)))
	})

	It("doesn't exist in a Secret that is adopted with the very bytes", func() {
		same := existing(func(s *corev1.Secret) { s.Data = mirror.Decide(facts()).Mirror.Secret().Data })
		plan := mirror.Decide(facts(same, policy(v1alpha1.ExistingAdopt)))
		Expect(plan.Action).To(Equal(mirror.Update))
		Expect(moments(plan)).To(BeEmpty())
		Expect(plan.Mirror.Secret().Annotations).NotTo(HaveKey(v1alpha1.ChangedAnnotation))
	})

	It("goes with the last key that had one", func() {
		f := after(60, func(f *mirror.Facts) { f.Import.Generation = 2 }, keys([]v1alpha1.KeyMapping{}...), func(f *mirror.Facts) {
			f.Import.Spec.Target.Keys = []v1alpha1.KeyMapping{}
		})
		Expect(mirror.Decide(f).Mirror.Secret().Annotations).NotTo(HaveKey(v1alpha1.ChangedAnnotation))
	})

	It("is that of before in a mirror that was only deleted", func() {
		deleted := after(60, func(f *mirror.Facts) { f.Target, f.SeenVersion = nil, "" })
		plan := mirror.Decide(deleted)
		Expect(plan.Action).To(Equal(mirror.Create))
		Expect(moments(plan)).To(HaveKeyWithValue("password", at(-1)))
	})

	It("is none in a mirror that was only deleted, and had none", func() {
		deleted := after(60, func(f *mirror.Facts) { f.Target, f.SeenVersion, f.Import.Status.Target.ChangedAt = nil, "", nil })
		Expect(moments(mirror.Decide(deleted))).To(BeEmpty())
	})

	DescribeTable("is new in a mirror that was deleted while its content changed",
		func(last, expected time.Time) {
			f := after(60, rotated("new"), func(f *mirror.Facts) {
				f.Target, f.SeenVersion = nil, ""
				f.Import.Status.Target.ChangedAt = &metav1.Time{Time: last}
			})
			Expect(moments(mirror.Decide(f))).To(HaveKeyWithValue("password", expected))
		},
		Entry("long ago", at(-1), at(59)),
		Entry("in the second before, which counts as handled", at(59), at(60)),
		Entry("by a clock that was ahead", at(90), at(91)),
	)

	DescribeTable("is read leniently: what can't be read restarts nobody",
		func(annotations map[string]string, expected mirror.Changed) {
			changed := mirror.ReadChanged(annotations)
			Expect(changed).To(HaveLen(len(expected)))
			for key, moment := range expected {
				Expect(changed).To(HaveKeyWithValue(key, moment))
			}
			Expect(mirror.ReadChanged(nil).Newest()).To(BeZero())
		},
		Entry("nothing", nil, nil),
		Entry("no JSON", map[string]string{v1alpha1.ChangedAnnotation: "{"}, nil),
		Entry("null", map[string]string{v1alpha1.ChangedAnnotation: "null"}, nil),
		Entry("one bad moment", map[string]string{v1alpha1.ChangedAnnotation: `{"a":"2026-03-01T10:00:00Z","b":"soon"}`}, nil),
		Entry("a good one", map[string]string{v1alpha1.ChangedAnnotation: `{"a":"2026-03-01T10:00:00Z"}`}, mirror.Changed{"a": at(0)}),
	)

	It("survives a moment that nobody can be after", func() {
		f := moved(60, at(0), rotated("new"), func(f *mirror.Facts) {
			f.Target.Secret().Annotations[v1alpha1.ChangedAnnotation] = `{"password":"9999-12-31T23:59:59Z"}`
		})
		Expect(moments(mirror.Decide(f))).To(HaveKeyWithValue("password", at(60)))
	})
})
