package talos

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	machinery "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/types/runtime/extensions"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// Config is a node's whole machine configuration. It holds the cluster's keys.
type Config struct{ yaml secret.Value }

// ParseConfig takes a configuration as Talos writes it, and zeroes the bytes. The
// error holds nothing of it.
func ParseConfig(yaml []byte) (Config, error) {
	if _, err := configloader.NewFromBytes(slices.Clone(yaml)); err != nil {
		clear(yaml)
		return Config{}, errors.New("a machine configuration that this program can't read; was it made by a newer Talos?")
	}
	return Config{yaml: secret.New(yaml)}, nil
}

// Value is the configuration in YAML.
func (c Config) Value() secret.Value { return c.yaml }

// Format implements fmt.Formatter, for every verb and flag.
func (Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

// MarshalText implements encoding.TextMarshaler; JSON, YAML and log encoders use it.
func (Config) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// HasAuthKey says whether the tailnet's auth key is in it.
func (c Config) HasAuthKey() (bool, error) {
	provider, err := c.load()
	if err != nil {
		return false, err
	}
	service := tailscaleService(provider)
	return service != nil && slices.ContainsFunc(service.ServiceEnvironment, isAuthKey), nil
}

// WithAuthKey adds the tailnet's auth key. The result must reach a node by Node.Try
// alone, which keeps it in memory.
func (c Config) WithAuthKey(key secret.Value) (Config, error) {
	return c.edit(func(service *extensions.ServiceConfigV1Alpha1) error {
		if service == nil {
			return errors.New("the configuration has no document for the tailscale extension, so there is nothing that would take an auth key")
		}
		if slices.ContainsFunc(service.ServiceEnvironment, isAuthKey) {
			return errors.New("the configuration has an auth key already")
		}
		service.ServiceEnvironment = append(service.ServiceEnvironment, authKeyVariable+"="+string(key.Bytes()))
		return nil
	})
}

// WithoutAuthKey takes the auth key out: what remains may be written to a node's
// disk. Without a key the result is the very same configuration.
func (c Config) WithoutAuthKey() (Config, error) {
	has, err := c.HasAuthKey()
	if err != nil || !has {
		return c, err
	}
	return c.edit(func(service *extensions.ServiceConfigV1Alpha1) error {
		service.ServiceEnvironment = slices.DeleteFunc(service.ServiceEnvironment, isAuthKey)
		return nil
	})
}

// MachineCertSANs are the further names in the certificate of Talos' API.
func (c Config) MachineCertSANs() ([]string, error) {
	provider, err := c.load()
	if err != nil || provider.Machine() == nil {
		return nil, err
	}
	return provider.Machine().Security().CertSANs(), nil
}

func (c Config) load() (machinery.Provider, error) {
	provider, err := configloader.NewFromBytes(c.yaml.Bytes())
	if err != nil {
		return nil, errors.New("a machine configuration that this program can't read")
	}
	return provider, nil
}

// edit changes the document of the tailscale extension, or is told that there is
// none.
func (c Config) edit(change func(*extensions.ServiceConfigV1Alpha1) error) (Config, error) {
	provider, err := c.load()
	if err != nil {
		return Config{}, err
	}
	provider = provider.Clone()
	if err := change(tailscaleService(provider)); err != nil {
		return Config{}, err
	}
	return encode(provider.Documents())
}

func encode(documents []config.Document) (Config, error) {
	provider, err := container.New(documents...)
	if err != nil {
		return Config{}, withoutValues(err)
	}
	yaml, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		return Config{}, errors.New("the machine configuration can't be written as YAML")
	}
	return Config{yaml: secret.New(yaml)}, nil
}

// tailscaleService is the document that configures the tailscale extension.
func tailscaleService(provider machinery.Provider) *extensions.ServiceConfigV1Alpha1 {
	for _, document := range provider.Documents() {
		if service, ok := document.(*extensions.ServiceConfigV1Alpha1); ok && service.ServiceName == tailscaleName {
			return service
		}
	}
	return nil
}

func isAuthKey(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains(keyVariables, name)
}
