package tailscale

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// What the extension's own service definition sets (siderolabs/extensions,
// network/tailscale/tailscale.yaml), and what Talos keeps of the container's files
// when it starts it anew: no more than the folder that is mounted.
const (
	extensionStateDir = "/var/lib/tailscale"
	extensionSocket   = "/var/run/tailscale/tailscaled.sock"
)

// environment is containerboot's: the extension's own variables, and those of the
// document behind them, as Talos merges them (internal/app/machined/pkg/system/
// services/extension.go). Changed are the paths, and userspace networking takes the
// place of a tun device. Added are variables that keep Tailscale from speaking to
// anybody on the internet, and have it relay without TLS, which test/headscale lacks.
func (n *Node) environment(document []string) ([]string, error) {
	merged := map[string]string{"TS_STATE_DIR": extensionStateDir, "TS_SOCKET": extensionSocket, "TS_USERSPACE": "false"}
	for _, variable := range document {
		key, value, found := strings.Cut(variable, "=")
		if !found || key == "" {
			// The variable itself may be a secret.
			return nil, fmt.Errorf("one of %d environment variables is not of the form KEY=value", len(document))
		}
		merged[key] = value
	}
	if err := check(merged); err != nil {
		return nil, err
	}
	n.Hostname = merged["TS_HOSTNAME"]
	merged["TS_STATE_DIR"], merged["TS_SOCKET"], merged["TS_USERSPACE"] = n.stateDir(), n.socket(), "true"
	merged["PATH"] = n.bin() + ":" + filepath.Dir(n.programs.tailscale)
	merged["TS_LOGS_DIR"] = n.stateDir() // by default /var/lib/tailscale as well
	for _, key := range []string{
		"TS_NO_LOGS_NO_SUPPORT", "TS_DISABLE_PORTMAPPER", "TS_PANIC_IF_HIT_MAIN_CONTROL", "TS_DEBUG_USE_DERP_HTTP",
	} {
		merged[key] = "true"
	}
	var environment []string
	for key, value := range merged {
		environment = append(environment, key+"="+value)
	}
	return environment, nil
}

// check refuses what would not work on a Talos node, and what would leave this machine.
func check(merged map[string]string) error {
	for key, value := range map[string]string{"TS_STATE_DIR": extensionStateDir, "TS_SOCKET": extensionSocket} {
		if merged[key] != value {
			return fmt.Errorf("%s is %q: nothing but %s of a Talos node is mounted into the extension's container", key, merged[key], value)
		}
	}
	if merged["TS_USERSPACE"] != "false" {
		return fmt.Errorf("TS_USERSPACE is %q: the node would get no interface tailscale0", merged["TS_USERSPACE"])
	}
	for argument := range strings.FieldsSeq(merged["TS_EXTRA_ARGS"]) {
		if server, found := strings.CutPrefix(argument, "--login-server="); found && onLoopback(server) {
			return nil
		}
	}
	return fmt.Errorf("TS_EXTRA_ARGS %q name no --login-server=… on loopback: a test asks nobody on the internet", merged["TS_EXTRA_ARGS"])
}

func onLoopback(server string) bool {
	parsed, err := url.Parse(server)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(parsed.Hostname())
	return err == nil && address.IsLoopback()
}
