package images

import "fmt"

// KubeadmPatches are what kind's configuration needs for the node image that is made
// here: the names of its images.
func KubeadmPatches() []string {
	return []string{fmt.Sprintf(`kind: ClusterConfiguration
imageRepository: %[1]s
dns:
  imageRepository: %[1]s
  imageTag: %[2]s
etcd:
  local:
    imageRepository: %[1]s
    imageTag: %[2]s
`, Repository[:len(Repository)-1], Tag)}
}
