package pglogin

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// plainProxy stands before the real server, says that it has no TLS, and keeps
// what clients send.
type plainProxy struct {
	backend  string
	lock     sync.Mutex
	received bytes.Buffer
	served   sync.WaitGroup
}

// listen serves connections on loopback until the spec ends.
func listen(serve func(net.Conn)) (port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(connection)
		}
	}()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	return port
}

func startPlainProxy() (proxy *plainProxy, port string) {
	proxy = &plainProxy{backend: net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port()))}
	proxy.served.Add(1)
	return proxy, listen(proxy.serve)
}

func (p *plainProxy) serve(client net.Conn) {
	defer p.served.Done()
	defer client.Close()
	request := make([]byte, 8) // an SSLRequest
	if _, err := io.ReadFull(client, request); err != nil {
		return
	}
	if _, err := client.Write([]byte("N")); err != nil {
		return
	}
	backend, err := net.Dial("tcp", p.backend)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(client, backend); client.Close() }()
	_, _ = io.Copy(backend, io.TeeReader(client, p))
	backend.Close()
}

func (p *plainProxy) Write(sent []byte) (int, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.received.Write(sent)
}

// sent waits for the end of the one connection.
func (p *plainProxy) sent() string {
	p.served.Wait()
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.received.String()
}
