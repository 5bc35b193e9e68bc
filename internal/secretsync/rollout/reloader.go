package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// Annotations of Stakater Reloader, from its annotation reference. It reads them
// on the workload and on the pod template.
const (
	reloaderAuto          = "reloader.stakater.com/auto"
	reloaderSecretAuto    = "secret.reloader.stakater.com/auto"
	reloaderSecretReload  = "secret.reloader.stakater.com/reload"
	reloaderSearch        = "reloader.stakater.com/search"
	reloaderSecretExclude = "secrets.exclude.reloader.stakater.com/reload"
)

// reloaderHint warns that Stakater Reloader restarts the workload too.
func reloaderHint(w Workload, secret string) []string {
	annotation := reloaderWatches(w, secret)
	if annotation == "" {
		return nil
	}
	return []string{fmt.Sprintf("Reloader may restart %s/%s a second time (annotation %s): set the annotation %s: %s on it to leave it to Reloader, or remove Reloader's",
		w.Kind, w.Name, annotation, v1alpha1.RestartAnnotation, v1alpha1.RestartNever)}
}

// reloaderWatches returns the annotation that makes Reloader watch the Secret
// for this workload, or "".
func reloaderWatches(w Workload, secret string) string {
	for _, annotations := range []map[string]string{w.Annotations, w.PodTemplate.Annotations} {
		if names(annotations[reloaderSecretReload], secret) {
			return reloaderSecretReload
		}
		if names(annotations[reloaderSecretExclude], secret) {
			continue
		}
		for _, key := range []string{reloaderAuto, reloaderSecretAuto, reloaderSearch} {
			if annotations[key] == "true" {
				return key
			}
		}
	}
	return ""
}

func names(list, secret string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(name string) bool {
		return strings.TrimSpace(name) == secret
	})
}
