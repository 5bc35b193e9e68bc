// Package proxmox makes and removes machines through the API of Proxmox VE.
//
// The hazard: a number is not a machine. Numbers are used again, clones carry their
// original's tags, and whoever destroys by number destroys somebody's healthy
// machine one day. So a machine is read anew before anything is done to it, and
// nothing is done unless it carries the cluster's tag and marker and is still the
// one that the plan saw.
//
// A machine of ours carries tag and marker from its first moment: it is made without
// its system disk, which takes a second, and the disk is imported afterwards. Proxmox
// writes the configuration that a creation asks for only when all the disks are
// there; a creation that imports would, for minutes, be a machine that nobody knows.
//
// Where a call takes a report, it tells of its progress with it, in plain words.
//
// What the API does and says is taken from Proxmox's own sources: qemu-server,
// pve-storage, pve-access-control, pve-manager, pve-common and pve-http-server.
package proxmox

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// basePath of all calls whose answers are JSON.
const basePath = "/api2/json"

// requestTimeout is longer than what Proxmox waits for by itself: 10 s for a lock,
// 30 s for another host.
const requestTimeout = 40 * time.Second

// importsPerHost is how many images a host imports at the same time. More make each
// other time out at the storage's lock.
const importsPerHost = 2

// Options of a Client.
type Options struct {
	// Endpoint of the API, such as https://pve.lan:8006.
	Endpoint string
	// CA is the PEM of the authority that signed the API's certificate.
	CA string
	// Fingerprint is the SHA-256 of the API's certificate, in hex, with or without
	// colons. With neither CA nor Fingerprint a public authority must have signed it.
	Fingerprint string
	// Token is USER@REALM!ID=SECRET. The Client reads it for every request and
	// doesn't destroy it.
	Token secret.Value
	// Clock that is waited with. Default: the real one.
	Clock clock.WithTicker
	// RequestTimeout is how long one request may take. Default: 40 s.
	RequestTimeout time.Duration
}

// Client speaks to one Proxmox VE cluster. It is safe for concurrent use.
type Client struct {
	base      string
	token     secret.Value
	tokenName string
	clock     clock.WithTicker
	timeout   time.Duration
	http      *http.Client

	mu      sync.Mutex
	imports map[string]chan struct{} // slots by host
}

// New checks the options, all of them at once, and speaks to nobody yet.
func New(options Options) (*Client, error) {
	name, tokenErr := tokenName(options.Token)
	config, tlsErr := trust(options.CA, options.Fingerprint)
	base, urlErr := baseURL(options.Endpoint)
	if err := errors.Join(urlErr, tlsErr, tokenErr); err != nil {
		return nil, err
	}
	c := &Client{
		base: base, token: options.Token, tokenName: name,
		clock: options.Clock, timeout: options.RequestTimeout,
		imports: map[string]chan struct{}{},
	}
	if c.clock == nil {
		c.clock = clock.RealClock{}
	}
	if c.timeout == 0 {
		c.timeout = requestTimeout
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxConnsPerHost:        16, // pveproxy has a few workers, each of which does one thing at a time
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        3 * time.Second, // pveproxy hangs up after 5: nothing may be written to a line that is going dead
			MaxResponseHeaderBytes: 64 << 10,
		},
		// A redirect could lead the token astray; the API has none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// endpoint is the API's address for people.
func (c *Client) endpoint() string { return strings.TrimSuffix(c.base, basePath) }

func baseURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("proxmox.endpoint %q is not of the form https://HOST:8006", endpoint)
	}
	return "https://" + u.Host + basePath, nil
}

// importSlots are the host's: who imports an image puts something in, and takes it
// out again.
func (c *Client) importSlots(host string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.imports[host] == nil {
		c.imports[host] = make(chan struct{}, importsPerHost)
	}
	return c.imports[host]
}
