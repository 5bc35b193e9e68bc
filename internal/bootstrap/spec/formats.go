package spec

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// formats are what a text of the schema's formats must look like. Their errors go
// on from the field's name, say what belongs there, and never repeat the text.
var formats = map[string]func(text string) error{
	"absolute-path":    matching(`^/[^\x00]*$`, "is no absolute path: write it from the root, such as /dev/shm/token"),
	"control-url":      checkControlURL,
	"disk-size":        matching(`^[1-9][0-9]{0,6}(Gi|Ti)$`, "is no size in whole binary gigabytes: write one such as 32Gi"),
	"dns-label":        allOf(validation.IsDNS1123Label, "is no DNS label: at most 63 lower-case letters, digits and hyphens, which begins and ends with a letter or digit"),
	"dns-name":         allOf(validation.IsDNS1123Subdomain, "is no name for Kubernetes: lower-case letters, digits, hyphens and dots, which begins and ends with a letter or digit"),
	"env-name":         matching(`^[A-Za-z_][A-Za-z0-9_]*$`, "is no name of an environment variable: write the variable's name, without $, and not its value"),
	"extension":        matching(`^[a-z0-9-]+/[a-z0-9.-]+$`, "is no system extension: write its author and name, such as siderolabs/tailscale"),
	"fingerprint":      matching(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$`, "is no SHA-256 fingerprint: write the 32 pairs of hex digits, with colons between, that Proxmox shows under System, Certificates"),
	"host":             checkHost,
	"hostname-pattern": checkPattern,
	"http-url":         func(text string) error { return checkURL(text, "https", "http") },
	"https-url":        func(text string) error { return checkURL(text, "https") },
	"ip":               checkAddress,
	"ip-gateway":       checkGateway,
	"ip-prefix":        checkPrefix,
	"kernel-argument":  matching(`^\S+$`, "is no kernel argument: write one argument an item, without spaces"),
	"kms-url":          func(text string) error { return checkURL(text, "https", "grpc") },
	"mac":              checkMAC,
	"memory":           matching(`^[1-9][0-9]{0,6}(Mi|Gi|Ti)$`, "is no amount of memory in whole binary units: write one such as 4Gi"),
	"path":             matching(`^[^\x00]+$`, "is no path"),
	"pem-certificates": checkCertificates,
	"pve-bridge":       matching(`^[-_.A-Za-z0-9]{1,15}$`, "is no bridge: write its name in Proxmox, such as vmbr0"),
	"pve-node":         matching(`^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$`, "is no Proxmox node: write its name in Proxmox, without a domain"),
	"pve-storage":      matching(`^[A-Za-z][-_.A-Za-z0-9]*[A-Za-z0-9]$`, "is no storage: write its ID in Proxmox, such as local-lvm"),
	"sha256":           matching(`^[0-9A-Fa-f]{64}$`, "is no SHA-256: write its 64 hex digits"),
	"tailnet-tag":      matching(`^tag:[A-Za-z][-A-Za-z0-9]*$`, "is no tag: write tag: and a name of letters, digits and hyphens that begins with a letter, such as tag:talos"),
	"timeout":          checkTimeout,
	"version":          matching(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$`, "is no version: write one in full, such as v1.2.3"),
	"word":             matching(`^[^\s\x00]+$`, "is empty or has a space in it"),
}

func matching(pattern, wrong string) func(string) error {
	compiled := regexp.MustCompile(pattern)
	return func(text string) error {
		if !compiled.MatchString(text) {
			return errors.New(wrong)
		}
		return nil
	}
}

func allOf(complaints func(string) []string, wrong string) func(string) error {
	return func(text string) error {
		if len(complaints(text)) > 0 {
			return errors.New(wrong)
		}
		return nil
	}
}

// checkURL accepts the address of a server. It may hold a password, so nothing of
// it is repeated.
func checkURL(text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("is no address of a server: write one such as %s://host.lan:1234", schemes[0])
	}
	switch {
	case u.User != nil:
		return errors.New("holds a user or password: take it out, and make a new one; credentials have fields of their own")
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("must begin with %s://", strings.Join(schemes, ":// or "))
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("has something behind host and port, be it a slash: leave that out")
	case checkHost(u.Hostname()) != nil:
		return errors.New("has a host that is neither a name nor an IP address")
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0) {
		return errors.New("has a port that is none: 1 to 65535")
	}
	return nil
}

// checkControlURL accepts the address of a server that is sent credentials: with
// TLS, or on this very machine.
func checkControlURL(text string) error {
	if err := checkURL(text, "https", "http"); err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToLower(text), "https:") && !addressOf(text).IsLoopback() {
		return errors.New("must begin with https://: a credential is sent there")
	}
	return nil
}

func checkHost(text string) error {
	if _, err := netip.ParseAddr(text); err == nil {
		return nil
	}
	top := text[strings.LastIndexByte(text, '.')+1:]
	if len(validation.IsDNS1123Subdomain(strings.ToLower(text))) > 0 || strings.Trim(top, "0123456789") == "" {
		return errors.New("is neither a DNS name nor an IP address")
	}
	return nil
}

func checkAddress(text string) error {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return errors.New("is no IP address: write one such as 192.168.1.1")
	}
	return usable(address)
}

func checkGateway(text string) error {
	if address, err := netip.ParseAddr(text); err == nil && !address.Is4() {
		return errNotIPv4
	}
	return checkAddress(text)
}

var errNotIPv4 = errors.New("is no IPv4 address: nodes are reached over IPv4")

func checkPrefix(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return errors.New("is no IP address with its network's prefix length: write one such as 192.168.1.71/24")
	}
	if !prefix.Addr().Is4() {
		return errNotIPv4
	}
	return usable(prefix.Addr())
}

func usable(address netip.Addr) error {
	switch {
	case address.Zone() != "", address.Is4In6(), address.IsUnspecified(), address.IsMulticast(), address.IsLinkLocalUnicast():
		return errors.New("is no address that a machine could be reached at from elsewhere")
	}
	return nil
}

var macAddress = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$`)

func checkMAC(text string) error {
	switch {
	case !macAddress.MatchString(text):
		return errors.New("is no MAC address: write six pairs of hex digits with colons between, such as BC:24:11:00:00:71")
	case strings.Trim(text, "0:") == "":
		return errors.New("is the MAC address of no card")
	// The lowest bit of the first byte tells a group from a card.
	case strings.ContainsRune("13579BDFbdf", rune(text[1])):
		return errors.New("is a group's MAC address: the first pair must be even, as in BC:24:11:00:00:71")
	}
	return nil
}

func checkTimeout(text string) error {
	timeout, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("is no duration: write one such as 90s or 5m")
	case timeout < time.Second:
		return errors.New("is too short: at least 1s")
	}
	return nil
}

// checkCertificates accepts what x509 does, whatever newlines it has.
func checkCertificates(text string) error {
	rest := []byte(text)
	for found := 0; ; found++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil && strings.Contains(string(rest), "-----BEGIN"):
			return fmt.Errorf("has a PEM block, number %d, that can't be read: keep its line breaks, in a block that begins with |", found+1)
		case block == nil && found == 0:
			return errors.New("has no PEM block: it begins with -----BEGIN CERTIFICATE-----")
		case block == nil:
			return nil
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return errors.New("holds a private key: take it out, and make a new one; certificates alone belong here")
		case block.Type != "CERTIFICATE":
			return fmt.Errorf("has a PEM block, number %d, that is no certificate", found+1)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("has a certificate, number %d, that can't be read: copy it anew", found+1)
		}
	}
}
