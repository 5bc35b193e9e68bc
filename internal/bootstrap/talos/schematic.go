package talos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/quote"
)

// DefaultFactory is the Image Factory that Talos' makers run.
const DefaultFactory = "https://factory.talos.dev"

// platform of the image: nocloud takes its network from Proxmox' cloud-init drive,
// and asks for its configuration over the network.
const platform = "nocloud"

// schematic is the part of a Factory's schematic that cluster.yaml can say. The
// order and the tags of its fields are the canonical form, which the id is a hash
// of. The Factory's own module has the type too, but its go.mod requires all of
// Talos, kernel modules' builders included.
type schematic struct {
	Customization struct {
		ExtraKernelArgs  []string `yaml:"extraKernelArgs,omitempty"`
		SystemExtensions struct {
			OfficialExtensions []string `yaml:"officialExtensions,omitempty"`
		} `yaml:"systemExtensions,omitempty"`
	} `yaml:"customization"`
}

// SchematicYAML is the schematic in its canonical form.
func SchematicYAML(s spec.Schematic) []byte {
	var canonical schematic
	canonical.Customization.ExtraKernelArgs = s.KernelArgs
	canonical.Customization.SystemExtensions.OfficialExtensions = s.Extensions
	data, err := yaml.Marshal(canonical)
	if err != nil {
		panic(err) // strings always have a form in YAML
	}
	return data
}

// SchematicID is the name under which an Image Factory knows the schematic: the
// SHA-256 of its canonical form, in hex.
func SchematicID(s spec.Schematic) string {
	sum := sha256.Sum256(SchematicYAML(s))
	return hex.EncodeToString(sum[:])
}

// ImageURL is where the Factory serves the disk image for machines of Proxmox.
func ImageURL(image spec.Image) string {
	return fmt.Sprintf("%s/image/%s/%s/%s-amd64.qcow2", factory(image), SchematicID(image.Schematic), image.TalosVersion, platform)
}

// InstallerImage is the container image that a later upgrade of a node installs. It
// is the one of the node's platform: the Factory's plain "installer" would turn the
// node into one of bare metal, without the network that Proxmox gives it.
func InstallerImage(image spec.Image) string {
	host := factory(image)
	if parsed, err := url.Parse(host); err == nil && parsed.Host != "" {
		host = parsed.Host
	}
	return fmt.Sprintf("%s/%s-installer/%s:%s", host, platform, SchematicID(image.Schematic), image.TalosVersion)
}

func factory(image spec.Image) string {
	if image.Factory == "" {
		return DefaultFactory
	}
	return strings.TrimRight(image.Factory, "/")
}

// RegisterSchematic tells the Factory of the schematic. It serves no image of one
// that nobody has told it of; telling it twice is the same as once.
func RegisterSchematic(ctx context.Context, client *http.Client, image spec.Image) error {
	where := factory(image) + "/schematics"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(SchematicYAML(image.Schematic)))
	if err != nil {
		return fmt.Errorf("image factory %s: %w", factory(image), err)
	}
	request.Header.Set("Content-Type", "application/yaml")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("image factory: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("image factory: POST %s: %w", where, err)
	}
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusOK {
		return fmt.Errorf("image factory: POST %s: %s: %s", where, response.Status, quote.Line(strings.TrimSpace(string(body)), 200))
	}
	return checkID(where, body, SchematicID(image.Schematic))
}

// checkID compares what the Factory made of the schematic with what was computed
// here: a Factory with accounts, for one, adds the owner.
func checkID(where string, body []byte, want string) error {
	var answer struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("image factory: POST %s: the answer is no JSON", where)
	}
	if answer.ID != want {
		return fmt.Errorf("image factory: POST %s: it calls the schematic %s, and its canonical form is %s: it has changed it. Use a factory that doesn't", where, quote.Line(answer.ID, 80), want)
	}
	return nil
}
