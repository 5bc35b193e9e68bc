package spec

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// checkSources finds sources that say nothing, and those that can be read once and
// are to be read twice.
func checkSources(d *document, c *Cluster) {
	stdin, variables := path(nil), map[string]path{}
	for _, source := range c.sources() {
		if !d.has(source.at) || d.isFaulty(source.at) {
			continue
		}
		if at := source.at.at("stdin"); d.has(at) && !d.isFaulty(at) {
			switch {
			case !source.Stdin:
				d.fail(at, "must be true: false says nothing about where to read")
			case stdin != nil:
				d.fail(at, "can be read once, and %s does already", d.where(stdin))
			default:
				stdin = at
			}
		}
		if at := source.at.at("env"); source.Env != "" {
			if first := variables[source.Env]; first != nil {
				d.fail(at, "is the variable of %s too, and a variable can be read once: give each its own", d.where(first))
			} else {
				variables[source.Env] = at
			}
		}
		checkCommand(d, source)
	}
}

func checkCommand(d *document, source placedSource) {
	at := source.at.at("command", 0)
	if len(source.Command) == 0 || d.isFaulty(at) {
		return
	}
	program := source.Command[0]
	switch {
	case program == "":
		d.fail(at, "is empty: the program comes first")
	case strings.ContainsAny(program, " \t\n"):
		d.fail(at, "has a space in it: write program and arguments as items of their own, for no shell splits them")
	case strings.Contains(program, "/") && !strings.HasPrefix(program, "/"):
		d.fail(at, "depends on the working directory: write an absolute path, or a name to be looked up in PATH")
	}
	for i, argument := range source.Command {
		if strings.ContainsRune(argument, 0) {
			d.fail(source.at.at("command", i), "has a NUL in it, which no argument can have")
		}
	}
}

// requiredKeys are those without which the API server refuses a Secret of the type.
var requiredKeys = map[string][]string{
	"kubernetes.io/dockerconfigjson": {".dockerconfigjson"},
	"kubernetes.io/dockercfg":        {".dockercfg"},
	"kubernetes.io/ssh-auth":         {"ssh-privatekey"},
	"kubernetes.io/tls":              {"tls.crt", "tls.key"},
}

func checkHandOver(d *document, c *Cluster) {
	secret := c.HandOver.Secret
	if secret == nil {
		return
	}
	at := path{"handOver", "secret"}
	if secret.Type == "kubernetes.io/service-account-token" {
		d.fail(at.at("type"), "is made by Kubernetes itself: take another type")
	}
	data := at.at("data")
	here, exact := d.find(data)
	if !exact || d.isFaulty(data) {
		return
	}
	for key, value := range here.fields {
		if len(validation.IsConfigMapKey(key)) > 0 {
			d.failNode(value.key, data.at(key), "is no key of a Secret: letters, digits, hyphens, underscores and dots")
		}
	}
	for _, key := range requiredKeys[secret.Type] {
		if !d.has(data.at(key)) {
			d.fail(data.at(key), "is required in a Secret of type %s", secret.Type)
		}
	}
}

// maxJoin leaves time of an auth key's 15 minutes to mint and to revoke it.
const maxJoin = 10 * time.Minute

func checkTimeouts(d *document, c *Cluster) {
	if c.Timeouts.Join.Duration > maxJoin {
		d.fail(path{"timeouts", "join"}, "is longer than %s, and the auth key is good for 15 minutes in all", shortly(maxJoin))
	}
}

// shortly is 10m where Duration.String is 10m0s.
func shortly(duration time.Duration) string {
	return fmt.Sprintf("%dm", int(duration.Minutes()))
}
