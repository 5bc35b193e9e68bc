package spec_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

const sourceMessage = "must say where the secret is read from: {env: NAME}, {command: [PROGRAM, ARGUMENT]}, {file: /ON/TMPFS} or {stdin: true}. A secret that stands here itself is no longer one: make a new one"

func token(source string) edit { return edit{"token: {env: PVE_TOKEN}", "token: " + source} }

var _ = DescribeTable("A source",
	func(edits []edit, expected ...string) {
		Expect(problemsOf(with(edits...))).To(Equal(lines(expected...)))
	},
	Entry("of each kind", []edit{token("{stdin: true}"), after("talos:", "  secrets: {command: [/usr/bin/vault, kv, get, x]}", "  serviceAccountKey: {env: KEY}")}),
	Entry("that says nothing", []edit{token("{}")},
		"7:10: proxmox.token: is empty: give exactly one of command, env, file, stdin"),
	Entry("that is left empty", []edit{token("")},
		"7:3: proxmox.token: "+sourceMessage),
	Entry("that says two things", []edit{token("{env: A, file: /dev/shm/a}")},
		"7:10: proxmox.token: has 2 fields: give exactly one of command, env, file, stdin"),
	Entry("that says no to standard input", []edit{token("{stdin: false}")},
		"7:18: proxmox.token.stdin: must be true: false says nothing about where to read"),
	Entry("of standard input, which another one reads", []edit{token("{stdin: true}"), after("talos:", "  secrets: {stdin: true}")},
		"31:20: talos.secrets.stdin: can be read once, and proxmox.token.stdin (line 7) does already"),
	Entry("of a variable, which another one reads", []edit{after("talos:", "  secrets: {env: PVE_TOKEN}")},
		"31:18: talos.secrets.env: is the variable of proxmox.token.env (line 7) too, and a variable can be read once: give each its own"),
	Entry("of a variable with its $", []edit{token("{env: $PVE_TOKEN}")},
		"7:16: proxmox.token.env: is no name of an environment variable: write the variable's name, without $, and not its value"),
	Entry("of a file by a relative path", []edit{token("{file: token}")},
		"7:17: proxmox.token.file: is no absolute path: write it from the root, such as /dev/shm/token"),
	Entry("of no command", []edit{token("{command: []}")},
		"7:20: proxmox.token.command: is empty: at least one entry is needed"),
	Entry("of a command without a program", []edit{token("{command: ['', a]}")},
		"7:21: proxmox.token.command[0]: is empty: the program comes first"),
	Entry("of a command as one text", []edit{token("{command: pass show pve}")},
		"7:20: proxmox.token.command: must be a list"),
	Entry("of a command as one item", []edit{token("{command: [pass show pve]}")},
		"7:21: proxmox.token.command[0]: has a space in it: write program and arguments as items of their own, for no shell splits them"),
	Entry("of a command by a relative path", []edit{token("{command: [./token.sh]}")},
		"7:21: proxmox.token.command[0]: depends on the working directory: write an absolute path, or a name to be looked up in PATH"),
)

// Every way that somebody might write a secret into the file: none may show it.
var _ = DescribeTable("A secret in cluster.yaml is not printed if it is",
	func(edits ...edit) {
		_, problems := spec.Decode("cluster.yaml", []byte(with(edits...)))
		Expect(problems.Errors()).NotTo(BeEmpty())
		Expect(strings.ToLower(problems.String())).NotTo(ContainSubstring("hunter2"))
	},
	Entry("the source", token("hunter2")),
	Entry("the source, in a block", token("|\n    hunter2\n    hunter2")),
	Entry("the source, in a list", token("[hunter2]")),
	Entry("the source, as an alias", token("*hunter2")),
	Entry("the source, with a tag", token("!hunter2 hunter2")),
	Entry("the source, as a field", token("{hunter2: }")),
	Entry("the source, as a field of a field", token("{hunter2: {hunter2: hunter2}}")),
	Entry("the source, as a field twice", token("{hunter2: , hunter2: }")),
	Entry("the source, as an odd field", token("{'hunter2!': {}}")),
	Entry("a variable's value", token("{env: hunter2=}")),
	Entry("a variable", token("{env: [hunter2]}")),
	Entry("a file", token("{file: hunter2}")),
	Entry("a command", token("{command: hunter2}")),
	Entry("a command that isn't one", token("{command: ['hunter2 a']}")),
	Entry("a value of a Secret's data", edit{"{file: /dev/shm/key}", "hunter2"}),
	Entry("an odd key of a Secret's data", edit{"identity: {file: /dev/shm/key}", "'hunter2!': {env: [a]}"}),
	Entry("part of an address", edit{"https://pve.lan:8006", "https://hunter2:hunter2@pve.lan"}),
	Entry("part of an address, twice", edit{"https://pve.lan:8006", "ftp://hunter2@pve.lan/hunter2"}),
	Entry("a CA", after("proxmox:", "  ca: hunter2")),
	Entry("a fingerprint", after("proxmox:", "  fingerprint: hunter2")),
	Entry("a number", edit{"vmid: 101", "vmid: hunter2"}),
	Entry("part of a patch", after("talos:", "  patches:", "  - inline: |", "      cluster: {token: hunter2}")),
	Entry("an alias in a patch", after("talos:", "  patches:", "  - inline: |", "      cluster: *hunter2")),
	Entry("in the place of everything", edit{"kind: Cluster", "kind: hunter2"}),
)
