package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tazzo/rebirth/internal/bootstrap/proxmox"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// read reads a secret that is wiped when the run is closed.
func (r *Run) read(ctx context.Context, reader *secret.Reader, field string, source spec.Source) (secret.Value, error) {
	value, err := reader.Read(ctx, field, source)
	r.sources = append(r.sources, value)
	return value, err
}

func (r *Run) openProxmox(ctx context.Context, reader *secret.Reader) error {
	token, err := r.read(ctx, reader, "proxmox.token", r.cluster.Proxmox.Token)
	if err != nil {
		return err
	}
	r.proxmox, err = proxmox.New(proxmox.Options{
		Endpoint: r.cluster.Proxmox.Endpoint, CA: r.cluster.Proxmox.CA, Fingerprint: r.cluster.Proxmox.Fingerprint,
		Token: token, Clock: r.clock,
	})
	return err
}

func (r *Run) openTailnet(ctx context.Context, reader *secret.Reader) error {
	if r.cluster.Tailnet == nil {
		return nil
	}
	control, err := r.newControl(ctx, reader, r.cluster.Tailnet)
	if err == nil {
		r.tailnet = tailnet.NewPatient(control, r.clock)
	}
	return err
}

func (r *Run) newControl(ctx context.Context, reader *secret.Reader, wanted *spec.Tailnet) (tailnet.Control, error) {
	switch {
	case wanted.Headscale != nil:
		key, err := r.read(ctx, reader, "tailnet.headscale.apiKey", wanted.Headscale.APIKey)
		if err != nil {
			return nil, err
		}
		return tailnet.NewHeadscale(tailnet.HeadscaleOptions{Endpoint: wanted.Headscale.Endpoint, CA: wanted.Headscale.CA, User: wanted.Headscale.User, APIKey: key, Clock: r.clock})
	case wanted.Tailscale.OAuth != nil:
		client, err := r.read(ctx, reader, "tailnet.tailscale.oauth.clientSecret", wanted.Tailscale.OAuth.ClientSecret)
		if err != nil {
			return nil, err
		}
		return tailnet.NewTailscale(tailnet.TailscaleOptions{Endpoint: wanted.Tailscale.Endpoint, Tailnet: wanted.Tailscale.Tailnet, OAuth: &tailnet.OAuthClient{ID: wanted.Tailscale.OAuth.ClientID, Secret: client}})
	default:
		token, err := r.read(ctx, reader, "tailnet.tailscale.apiToken", *wanted.Tailscale.APIToken)
		if err != nil {
			return nil, err
		}
		return tailnet.NewTailscale(tailnet.TailscaleOptions{Endpoint: wanted.Tailscale.Endpoint, Tailnet: wanted.Tailscale.Tailnet, APIToken: token})
	}
}

// readSecrets reads the cluster's secrets from their source, or makes new ones that
// live as long as this run.
func (r *Run) readSecrets(ctx context.Context, reader *secret.Reader) error {
	var serviceAccountKey secret.Value
	if source := r.cluster.Talos.ServiceAccountKey; source != nil {
		var err error
		if serviceAccountKey, err = r.read(ctx, reader, "talos.serviceAccountKey", *source); err != nil {
			return err
		}
	}
	var err error
	if source := r.cluster.Talos.Secrets; source != nil {
		var bundle secret.Value
		if bundle, err = r.read(ctx, reader, "talos.secrets", *source); err != nil {
			return err
		}
		r.haveSecrets = true
		r.secrets, err = talos.ParseSecrets(bundle, serviceAccountKey, r.clock.Now())
		return err
	}
	r.secrets, err = talos.NewSecrets(r.cluster.Image.TalosVersion, serviceAccountKey, r.clock.Now())
	return err
}

func (r *Run) readHandOver(ctx context.Context, reader *secret.Reader) error {
	wanted := r.cluster.HandOver.Secret
	if wanted == nil {
		return nil
	}
	r.handOver = map[string]secret.Value{}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(wanted.Data)) {
		value, err := r.read(ctx, reader, fmt.Sprintf("handOver.secret.data.%s", key), wanted.Data[key])
		errs = append(errs, err)
		r.handOver[key] = value
	}
	return errors.Join(errs...)
}
