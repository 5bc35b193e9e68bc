package talos

import (
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config/types/runtime/extensions"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// The tailscale extension (siderolabs/tailscale) runs Tailscale's containerboot,
// which reads these variables (cmd/containerboot/settings.go). It has none for
// accepted routes and the control server: those are arguments of "tailscale up".
const (
	tailscaleName     = "tailscale"
	authKeyVariable   = "TS_AUTHKEY"
	hostnameVariable  = "TS_HOSTNAME"
	extraArgsVariable = "TS_EXTRA_ARGS"
	stateDirVariable  = "TS_STATE_DIR"
	authOnceVariable  = "TS_AUTH_ONCE"
)

// keyVariables let a device into the tailnet, under all of their names.
var keyVariables = []string{authKeyVariable, "TS_AUTH_KEY", "TS_CLIENT_SECRET", "TS_ID_TOKEN"}

// tailscaleInterface is the node's link into the tailnet.
const tailscaleInterface = "tailscale0"

// tailscaleDocument configures the extension, without a key. It is in a node's
// configuration from the start: without any, Talos waits for the service, and
// reboots after 70 minutes, for ever.
func tailscaleDocument(tailnet *spec.Tailnet, node string) *extensions.ServiceConfigV1Alpha1 {
	document := extensions.NewServicesConfigV1Alpha1()
	document.ServiceName = tailscaleName
	document.ServiceEnvironment = []string{
		hostnameVariable + "=" + node,
		// A directory that outlives the extension's restarts and the node's.
		stateDirVariable + "=/var/lib/tailscale",
		// A node that has joined goes on without a key.
		authOnceVariable + "=true",
	}
	if arguments := upArguments(tailnet); arguments != "" {
		document.ServiceEnvironment = append(document.ServiceEnvironment, extraArgsVariable+"="+arguments)
	}
	return document
}

// upArguments are further arguments of "tailscale up". The tags are none of them:
// they come with the auth key, and Headscale refuses a node that asks for tags beside
// one, even for the same.
func upArguments(tailnet *spec.Tailnet) string {
	var arguments []string
	if tailnet.Headscale != nil {
		arguments = append(arguments, "--login-server="+tailnet.Headscale.Endpoint)
	}
	if tailnet.AcceptRoutes {
		arguments = append(arguments, "--accept-routes")
	}
	return strings.Join(arguments, " ")
}

// checkEnvironment says whether the extension still does what joins rest on, after
// patches have been applied: they may add variables, and change none of ours.
func checkEnvironment(actual, ours []string) error {
	last := map[string]string{}
	for _, variable := range actual {
		name, value, _ := strings.Cut(variable, "=")
		if isAuthKey(variable) {
			return fmt.Errorf("puts %s into the tailscale extension's document, which is written to the node's disk: take it out. bootstrap mints a key and lends it to the node's memory", name)
		}
		last[name] = value
	}
	for _, variable := range ours {
		name, value, _ := strings.Cut(variable, "=")
		if last[name] != value {
			return fmt.Errorf("changes %s of the tailscale extension, which joins to the tailnet rest on: take it out of the patch, and use the fields of tailnet", name)
		}
	}
	return nil
}
