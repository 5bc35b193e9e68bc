package talos

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// etcd is the service's name.
	etcd = "etcd"
	// etcdPort is what other control planes find a running etcd by.
	etcdPort = 2379
	// patience between two attempts to reach another machine.
	patience = 100 * time.Millisecond
)

func (m *Machine) etcdPath() string { return filepath.Join(m.varPath(), "lib", "etcd") }

// etcdHasData says whether etcd has ever been started on this disk.
func (m *Machine) etcdHasData() bool {
	entries, err := os.ReadDir(m.etcdPath())
	return err == nil && len(entries) > 0
}

// runEtcd waits until etcd may start: it has data, this node was told to start it, or
// another control plane has one that can be joined.
func (l *life) runEtcd() {
	l.services.down(etcd, "Preparing")
	for !l.machine.etcdHasData() {
		select {
		case <-l.bootstrapped:
		default:
			if !l.anotherHasEtcd() {
				if !l.pause(patience) {
					return
				}
				continue
			}
		}
		if l.writeEtcdData() != nil {
			return
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(l.ctx, "tcp", net.JoinHostPort(l.machine.options.Address.String(), strconv.Itoa(etcdPort)))
	if err != nil {
		l.services.down(etcd, "Failed")
		return
	}
	context.AfterFunc(l.ctx, func() { _ = listener.Close() })
	l.do(func() { acceptAll(listener) })
	if !l.pause(l.machine.options.Times.Etcd) {
		return
	}
	l.services.up(etcd, true)
	if l.pause(l.machine.options.Times.StaticPods) {
		l.services.staticPodsReady()
	}
}

func (l *life) writeEtcdData() error {
	dir := l.machine.etcdPath()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "member"), []byte("played\n"), 0o600)
}

// anotherHasEtcd says whether one of the cluster's other control planes listens on
// etcd's port.
func (l *life) anotherHasEtcd() bool {
	for _, address := range l.controlPlanes() {
		if address == l.machine.options.Address {
			continue
		}
		ctx, cancel := context.WithTimeout(l.ctx, patience)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(address.String(), strconv.Itoa(etcdPort)))
		cancel()
		if err == nil {
			_ = conn.Close()
			return true
		}
	}
	return false
}

// controlPlanes are the addresses where control planes may be: the endpoint's, if it
// is one, and those that the discovery service would tell.
func (l *life) controlPlanes() []netip.Addr {
	addresses := l.machine.options.ControlPlanes
	if active := l.configs.get(); active != nil && active.Cluster() != nil && active.Cluster().Endpoint() != nil {
		if endpoint, err := netip.ParseAddr(active.Cluster().Endpoint().Hostname()); err == nil {
			addresses = append([]netip.Addr{endpoint}, addresses...)
		}
	}
	return addresses
}

func acceptAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}
