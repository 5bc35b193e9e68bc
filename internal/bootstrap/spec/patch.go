package spec

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CheckPatch reads a patch of the machine configuration as far as it must not be
// taken: what is no YAML, is no strategic merge patch, holds a secret of the
// cluster, or sets what cluster.yaml sets. Whether Talos knows its fields is found
// when configurations are made. Decode does this with patches that stand in
// cluster.yaml; for those in files it is up to who reads them.
func CheckPatch(name string, data []byte) Problems {
	d := newDocument(name, data)
	for _, node := range d.parse(data) {
		d.root = &place{value: node}
		if node.Kind != yaml.MappingNode {
			d.fail(nil, "is no strategic merge patch: write it as a part of the machine configuration; JSON patches (lists of operations) are not taken")
			continue
		}
		d.checkOwned(node)
		d.checkSecrets(node, nil)
	}
	return d.problems.sorted()
}

// checkInline reports what is wrong with a patch that stands in cluster.yaml, in
// the line where it does if the patch is a block.
func (d *document) checkInline(at path, text string) {
	node := d.position(at)
	within := strings.Split(text, "\n")
	for _, problem := range CheckPatch(d.file, []byte(text)) {
		where := &yaml.Node{Line: node.Line, Column: node.Column}
		if node.Style&yaml.LiteralStyle != 0 {
			where.Line += problem.Line
			where.Column = problem.Column
			if where.Line <= len(d.lines) && problem.Line <= len(within) {
				// A block stands further to the right in the file.
				where.Column += max(bytes.Index(d.lines[where.Line-1], []byte(within[problem.Line-1])), 0)
			}
		}
		if problem.Path != "" {
			problem.Message = problem.Path + " " + problem.Message
		}
		d.report(where, at, problem.Warning, "%s", problem.Message)
	}
}

// owned are fields of the machine configuration that are made from cluster.yaml.
var owned = []struct{ field, instead string }{
	{"machine.type", "nodes[].role"},
	{"machine.token", "talos.secrets"},
	{"machine.ca", "talos.secrets"},
	{"machine.certSANs", "talos.machineCertSANs"},
	{"machine.network.hostname", "nodes[].name"},
	{"machine.systemDiskEncryption", "talos.diskEncryption"},
	{"cluster.id", "talos.secrets"},
	{"cluster.secret", "talos.secrets"},
	{"cluster.token", "talos.secrets"},
	{"cluster.ca", "talos.secrets"},
	{"cluster.aggregatorCA", "talos.secrets"},
	{"cluster.aescbcEncryptionSecret", "talos.secrets"},
	{"cluster.secretboxEncryptionSecret", "talos.secrets"},
	{"cluster.etcd.ca", "talos.secrets"},
	{"cluster.serviceAccount", "talos.serviceAccountKey"},
	{"cluster.clusterName", "metadata.name"},
	{"cluster.controlPlane.endpoint", "talos.endpoint"},
	{"cluster.apiServer.certSANs", "talos.apiServerCertSANs"},
	{"cluster.inlineManifests", "handOver.manifests"},
}

// checkOwned finds what cluster.yaml has a field for. A patch that set it as well
// would win, unseen by the checks of that field.
func (d *document) checkOwned(node *yaml.Node) {
	kind, name := lookUp(node, path{"kind"}), lookUp(node, path{"name"})
	switch {
	case kind == nil:
	case kind.value.Value == "HostnameConfig":
		d.failNode(kind.value, path{"kind"}, "HostnameConfig is set by cluster.yaml: use nodes[].name")
	case kind.value.Value == "ExtensionServiceConfig" && name != nil && name.value.Value == "tailscale":
		d.failNode(kind.value, path{"kind"}, "ExtensionServiceConfig of tailscale is set by cluster.yaml, and no auth key belongs into a file: use tailnet")
	}
	for _, own := range owned {
		var at path
		for step := range strings.SplitSeq(own.field, ".") {
			at = at.at(step)
		}
		if found := lookUp(node, at); found != nil {
			d.failNode(found.key, at, "is set by cluster.yaml: use %s", own.instead)
		}
	}
}

// lookUp returns the field at a path of fields, nil if there is none.
func lookUp(node *yaml.Node, at path) *place {
	found := &place{value: node}
	for _, step := range at {
		mapping := found.value
		if mapping.Kind == yaml.AliasNode {
			mapping = mapping.Alias
		}
		if mapping.Kind != yaml.MappingNode {
			return nil
		}
		i := slices.IndexFunc(keys(mapping), func(key *yaml.Node) bool { return key.Value == step })
		if i < 0 {
			return nil
		}
		found = &place{key: mapping.Content[2*i], value: mapping.Content[2*i+1]}
	}
	return found
}

func keys(mapping *yaml.Node) []*yaml.Node {
	var found []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		found = append(found, mapping.Content[i])
	}
	return found
}

// secretNames are the fields in which a machine configuration has secrets that
// aren't the cluster's own, such as a registry's password.
var secretNames = []string{"auth", "identityToken", "passphrase", "password", "presharedKey", "privateKey"}

func (d *document) checkSecrets(node *yaml.Node, at path) {
	switch node.Kind {
	case yaml.MappingNode:
		for i, key := range keys(node) {
			below, value := at.at(key.Value), node.Content[2*i+1]
			if value.Kind == yaml.ScalarNode && slices.Contains(secretNames, key.Value) {
				d.report(key, below, true, "looks like a secret: it lies in this file, and on every node that the patch is for")
			}
			d.checkSecrets(value, below)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			d.checkSecrets(item, at.at(i))
		}
	}
}
