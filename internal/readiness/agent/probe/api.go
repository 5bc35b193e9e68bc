package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"

	"github.com/tazzo/rebirth/internal/readiness/agent/failure"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// callAPI asks for /version, which an API server answers without a look into etcd:
// with 200, or 401 or 403 where strangers may not know. Any of them comes from behind
// the ClusterIP.
func callAPI(ctx context.Context, api wire.API) finding {
	config, err := tlsConfig(api)
	if err != nil {
		return finding{wire.BadProbe, err.Error()}
	}
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", api.Address.String())
	if err != nil {
		why, text := failure.Of(err, wire.Failed)
		return finding{why, text}
	}
	defer plain.Close()
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		why, text := failure.OfHandshake(err)
		return finding{why, text}
	}
	status, err := get(ctx, conn, api)
	if err != nil {
		why, text := failure.Of(err, wire.BadResponse)
		return finding{why, text}
	}
	return finding{message: remark(api, status)}
}

func tlsConfig(api wire.API) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: api.ServerName}
	if config.ServerName == "" {
		config.ServerName = api.Address.Addr().String()
	}
	if api.CA == "" {
		config.InsecureSkipVerify = true
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM([]byte(api.CA)) {
		return nil, fmt.Errorf("api.ca holds no PEM certificate")
	}
	return config, nil
}

// get sends one request over the connection, and closes it.
func get(ctx context.Context, conn net.Conn, api wire.API) (status int, err error) {
	transport := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+api.Address.String()+"/version", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("User-Agent", "readiness-gate-agent")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func remark(api wire.API, status int) string {
	if api.CA == "" {
		return fmt.Sprintf("status %d; the certificate was not verified, for no CA was given", status)
	}
	return ""
}
