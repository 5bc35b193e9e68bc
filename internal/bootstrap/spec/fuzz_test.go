package spec_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// FuzzDecode looks for files that crash the decoder, that it judges differently the
// second time, whose mistakes it can't place, or which change when they are written
// and read again.
func FuzzDecode(f *testing.F) {
	example, err := os.ReadFile(examples + "/cluster.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(example), valid, "", "a: b", "- a", "[", "\t", "a: *b", "a: &a [*a]", "? {}\n: 1\n", "a: {<<: {b: c}}", "a: !!int b",
		"nodes: [{}, {role: worker, vmid: 0x10, mac: a, address: 1.2.3.4/33}]", "proxmox: {token: hunter2, ca: '-----BEGIN'}",
		"talos: {patches: [{inline: 'a: *b'}, {inline: '- a'}, {file: '', inline: ''}]}", "nodeDefaults: {memory: 1e9, disks: [{}], gateway: ::1}",
		"handOver: {secret: {type: kubernetes.io/tls, data: {'': {stdin: true}, b: {stdin: true}}}}", "timeouts: {join: 1h, image: -1s}",
		"tailnet: {tags: [1, 1, {}], hostnamePattern: '{ordinal}', tailscale: {oauth: {}, apiToken: {}}}",
		strings.ReplaceAll(valid, "\n", "\r\n"), strings.ReplaceAll(valid, "192.168.1", "10.0.0"), valid + "---\n" + valid,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cluster, problems := spec.Decode("f", data)
		if again, same := spec.Decode("f", data); !reflect.DeepEqual(cluster, again) || !reflect.DeepEqual(problems, same) {
			t.Fatalf("not the same again:\n%s\n\n%s", problems, same)
		}
		if (cluster == nil) != (len(problems.Errors()) > 0) {
			t.Fatalf("cluster %v with problems:\n%s", cluster != nil, problems)
		}
		lines := strings.Count(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(data)), "\n") + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines+1 || p.Column < 1 || p.Message == "" || strings.Contains(p.Message, "bug of bootstrap") {
				t.Fatalf("in a file of %d lines: %s", lines, p)
			}
		}
		glance := spec.Glance(data)
		if cluster == nil {
			return
		}
		if !reflect.DeepEqual(cluster, glance) {
			t.Fatalf("at a glance it is another one: %+v", glance)
		}
		written, err := json.Marshal(cluster)
		if err != nil {
			t.Fatal(err)
		}
		if again, wrong := spec.Decode("f", written); !reflect.DeepEqual(cluster, again) {
			t.Fatalf("written as %s\nread as %+v\n%s", written, again, wrong)
		}
	})
}

// FuzzSource looks for what stands in the place of a source and is printed.
func FuzzSource(f *testing.F) {
	const secret = "hunter2"
	for _, seed := range []string{"%", "{env: %}", "{%: a}", "[%]", "*%", "!% a", "{command: [%, %]}", "|\n    %", "&% a", "{<<: %}", "'%", "{? {a: %} : b}", "\x01%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		file := strings.Replace(valid, "{env: PVE_TOKEN}", strings.ReplaceAll(written, "%", secret), 1)
		if _, problems := spec.Decode("f", []byte(file)); strings.Contains(strings.ToLower(problems.String()), secret) {
			t.Fatalf("%q:\n%s", written, problems)
		}
	})
}
