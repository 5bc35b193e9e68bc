package rollout

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
)

// keys is a set of a Secret's keys, or every one of them.
type keys struct {
	every bool
	named sets.Set[string]
}

func everyKey() keys { return keys{every: true} }

func (k keys) empty() bool { return !k.every && k.named.Len() == 0 }

func (k keys) with(other keys) keys {
	return keys{every: k.every || other.every, named: k.named.Union(other.named)}
}

func (k keys) has(key string) bool { return k.every || k.named.Has(key) }

// newest returns the key among these that changed last, and when.
func (k keys) newest(changed map[string]time.Time) (key string, at time.Time) {
	for name, when := range changed {
		if k.has(name) && (when.After(at) || when.Equal(at) && name < key) {
			key, at = name, when
		}
	}
	return key, at
}

// references reports whether any container reads any key of the Secret.
func references(spec *corev1.PodSpec, secret string) bool {
	return !readByAny(spec, secret).empty()
}

// readByAny returns the Secret's keys that any container reads.
func readByAny(spec *corev1.PodSpec, secret string) keys {
	var all keys
	for _, c := range containers(spec) {
		read := readBy(spec, c, secret)
		all = all.with(read.atStart).with(read.mounted)
	}
	return all
}

// containers returns the init containers, sidecars among them, and the normal
// ones. Ephemeral containers are left out: a restart would not bring them back.
func containers(spec *corev1.PodSpec) []corev1.Container {
	return slices.Concat(spec.InitContainers, spec.Containers)
}

// reads are the keys that a container reads, by the moment at which it gets them.
type reads struct {
	// atStart: by its environment, when its process starts.
	atStart keys
	// mounted: by a volume, which is filled before the images of the pod are pulled.
	mounted keys
	// optional: a reference is, so the container may have started without the Secret.
	optional bool
}

// readBy returns the Secret's keys that the container reads.
func readBy(spec *corev1.PodSpec, c corev1.Container, secret string) reads {
	var read reads
	env := sets.New[string]()
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && e.ValueFrom.SecretKeyRef.Name == secret {
			env.Insert(e.ValueFrom.SecretKeyRef.Key)
			read.optional = read.optional || ptr.Deref(e.ValueFrom.SecretKeyRef.Optional, false)
		}
	}
	read.atStart = keys{named: env}
	for _, from := range c.EnvFrom {
		if from.SecretRef != nil && from.SecretRef.Name == secret {
			read.atStart.every = true
			read.optional = read.optional || ptr.Deref(from.SecretRef.Optional, false)
		}
	}
	for _, mount := range c.VolumeMounts {
		for _, volume := range spec.Volumes {
			if volume.Name == mount.Name {
				shown, optional := mounted(volume, mount, secret)
				read.mounted, read.optional = read.mounted.with(shown), read.optional || optional
			}
		}
	}
	return read
}

// mounted returns the Secret's keys that a mount of the volume shows, and whether the
// volume is mounted without the Secret as well.
func mounted(volume corev1.Volume, mount corev1.VolumeMount, secret string) (shown keys, optional bool) {
	shown = keys{named: sets.New[string]()}
	if s := volume.Secret; s != nil && s.SecretName == secret {
		shown, optional = shown.with(projected(s.Items, mount)), ptr.Deref(s.Optional, false)
	}
	if volume.Projected != nil {
		for _, source := range volume.Projected.Sources {
			if s := source.Secret; s != nil && s.Name == secret {
				shown, optional = shown.with(projected(s.Items, mount)), optional || ptr.Deref(s.Optional, false)
			}
		}
	}
	return shown, optional
}

// projected narrows a volume's items, which are every key under its own name if
// there are none, to what a mount with subPath shows of them.
func projected(items []corev1.KeyToPath, mount corev1.VolumeMount) keys {
	subPath := strings.Trim(mount.SubPath, "/")
	if len(items) == 0 {
		if subPath == "" {
			return everyKey()
		}
		return keys{named: sets.New(subPath)}
	}
	shown := sets.New[string]()
	for _, item := range items {
		if subPath == "" || item.Path == subPath || strings.HasPrefix(item.Path, subPath+"/") {
			shown.Insert(item.Key)
		}
	}
	return keys{named: shown}
}
