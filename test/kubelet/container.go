package kubelet

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/test/process"
)

// Container is the first container of a pod, and what this machine has in the place
// of its image, its mounts and its network.
type Container struct {
	// Program is the executable that the image would hold.
	Program string
	// Pod is a pod, or what a template makes of one; see Template.
	Pod *corev1.Pod
	// Mounts are the folders here that stand for paths in the container, which may
	// appear in its arguments.
	Mounts map[string]string
	// Args are added behind the container's own, so that a flag among them wins:
	// addresses to listen on, for want of a network of the pod's own.
	Args []string
	// Env is added to the container's own: KEY=value.
	Env []string
	// Log is the file that takes the outputs.
	Log string
}

// Start starts the container as a process. The kernel ends it with this process.
func Start(c Container) (*process.Process, error) {
	env, err := environment(c.Pod)
	if err != nil {
		return nil, fmt.Errorf("the container of pod %s/%s: %w", c.Pod.Namespace, c.Pod.Name, err)
	}
	command := process.Command{Path: c.Program, Args: append(arguments(c.Pod, env, c.Mounts), c.Args...), Log: c.Log, LastSignal: syscall.SIGKILL}
	for _, variable := range env {
		command.Env = append(command.Env, variable.Name+"="+variable.Value)
	}
	command.Env = append(command.Env, c.Env...)
	return process.Start(command)
}

// environment resolves the fields that variables are taken from.
func environment(pod *corev1.Pod) ([]corev1.EnvVar, error) {
	container := pod.Spec.Containers[0]
	fields := map[string]string{
		"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "metadata.uid": string(pod.UID), "spec.nodeName": pod.Spec.NodeName,
	}
	var out []corev1.EnvVar
	for _, variable := range container.Env {
		if source := variable.ValueFrom; source != nil {
			var known bool
			if source.FieldRef != nil {
				variable.Value, known = fields[source.FieldRef.FieldPath]
			}
			if !known {
				return nil, fmt.Errorf("its variable %s is taken from something that is not played here", variable.Name)
			}
		}
		out = append(out, corev1.EnvVar{Name: variable.Name, Value: variable.Value})
	}
	return out, nil
}

// reference is $(NAME) in an argument.
var reference = regexp.MustCompile(`\$\(([A-Za-z0-9_.-]+)\)`)

// arguments are the container's, with variables and mounted paths replaced.
func arguments(pod *corev1.Pod, env []corev1.EnvVar, mounts map[string]string) []string {
	var out []string
	for _, arg := range pod.Spec.Containers[0].Args {
		arg = reference.ReplaceAllStringFunc(arg, func(found string) string {
			name := reference.FindStringSubmatch(found)[1]
			for _, variable := range env {
				if variable.Name == name {
					return variable.Value
				}
			}
			return found // as a kubelet leaves it
		})
		out = append(out, mounted(arg, mounts))
	}
	return out
}

// mounted replaces the path that a flag names, if it lies in a mount.
func mounted(arg string, mounts map[string]string) string {
	flag, value, hasValue := strings.Cut(arg, "=")
	if !hasValue {
		return arg
	}
	for mount, folder := range mounts {
		if rest, inside := strings.CutPrefix(value, mount+"/"); inside && path.IsAbs(value) {
			return flag + "=" + filepath.Join(folder, rest)
		}
	}
	return arg
}
