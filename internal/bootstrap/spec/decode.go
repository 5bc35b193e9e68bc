package spec

import (
	"encoding/json"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Decode reads cluster.yaml. It reports all that is wrong at once, in the order of
// the file, with name as the file's; the cluster is nil if any of it is an error,
// and not if all are warnings.
//
// Defaults are filled in: every node has its name, its MAC in upper case and all of
// NodeDefaults, which is empty afterwards. Texts such as a CA are as YAML gives
// them: not a byte is trimmed or added.
func Decode(name string, data []byte) (*Cluster, Problems) {
	cluster, problems := decode(name, data)
	if len(problems.Errors()) > 0 {
		return nil, problems
	}
	return cluster, problems
}

// Glance is what can be read of a cluster.yaml, whatever is wrong with it: what is,
// is left out. It is for looking alone; nil if nothing can be read.
func Glance(data []byte) *Cluster {
	cluster, _ := decode("", data)
	if cluster != nil {
		// A wrong item of a list of texts leaves an empty one.
		cluster.HandOver.Manifests = slices.DeleteFunc(cluster.HandOver.Manifests, func(path string) bool { return path == "" })
	}
	return cluster
}

// decode returns the cluster without what is wrong with it.
func decode(name string, data []byte) (*Cluster, Problems) {
	d := newDocument(name, data)
	values := d.read(data)
	if values == nil {
		return nil, d.problems.sorted()
	}
	d.validate(values)
	d.prune(values)
	cluster := d.decode(values)
	setDefaults(cluster)
	d.check(cluster)
	return cluster, d.problems.sorted()
}

// decode can't fail on values that the schema has accepted. If it does, that is
// reported without the text, which may be a secret.
func (d *document) decode(values map[string]any) *Cluster {
	cluster := &Cluster{}
	encoded, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(encoded, cluster)
	}
	if err != nil {
		d.report(&yaml.Node{}, nil, false, "can't be decoded although its schema accepts it: please report this as a bug of bootstrap (%T)", err)
	}
	return cluster
}
