// Package wire is the protocol between readiness-gate's controller and its
// agents, and between agents: what may be asked, how it is signed, and what may be
// answered. It is pure.
//
// The hazard: an agent opens connections to addresses that it is told. So it obeys
// only who holds the key, only kinds of probes that are known, and only requests
// that are meant for its node and were made just now; and it looks at none of a
// request's body before the headers prove all that. An answer is signed together
// with the request that it answers, so that nothing but an agent, asked just now,
// can report that a network works.
package wire

import "time"

// The paths of an agent's HTTP server.
const (
	PathProbes = "/v1/probes" // POST; a Request, answered with a Response
	PathEcho   = "/v1/echo"   // POST; any bytes, answered with the same bytes
	PathHealth = "/healthz"   // GET; 200 while the agent serves
	PathReady  = "/readyz"    // GET; 200 while it also has a key
)

const (
	// MaxBody is the size of the largest body of a Request or Response, in bytes.
	MaxBody = 1 << 20
	// MaxPayload is the size of the largest echo, in bytes.
	MaxPayload = 64 << 10
	// DefaultPayload is several times the MTU of any usual network, so that a
	// broken MTU shows.
	DefaultPayload = 8 << 10
	// MaxProbes of one Request.
	MaxProbes = 256
	// MinTimeout and MaxTimeout bound the time for one probe.
	MinTimeout = time.Millisecond
	MaxTimeout = 30 * time.Second
	// MaxRun bounds the time for all probes of one Request.
	MaxRun = time.Minute
	// Window is how far two clocks may be apart.
	Window = time.Minute
	// MaxMessage is the size of a result's longest message, in bytes.
	MaxMessage = 1 << 10

	maxID   = 128
	maxCA   = 64 << 10
	maxWant = 16
)
