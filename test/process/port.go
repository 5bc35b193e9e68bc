package process

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that FreePort gives: below those that Linux (32768), macOS and Windows
// (49152) give to outgoing connections and to whoever asks for any port. Of those, one
// that is free now may be anybody's a moment later.
const firstPort, lastPort = 20000, 29999

// FreePort returns a port of 127.0.0.1 on which nobody listens, neither over TCP nor
// over UDP. Another caller may still be given it before it is used: see Taken.
func FreePort() (int, error) {
	for range 100 {
		if port := firstPort + rand.IntN(lastPort-firstPort+1); !Taken(port) {
			return port, nil
		}
	}
	return 0, errors.New("of a hundred ports of 127.0.0.1 not one is free over TCP and UDP")
}

// Taken tells whether the port can't be listened on, over TCP or over UDP: a server
// that ended early should then be started again on another one.
func Taken(port int) bool {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return true
	}
	defer listener.Close()
	packets, err := net.ListenPacket("udp4", address)
	if err != nil {
		return true
	}
	packets.Close()
	return false
}
