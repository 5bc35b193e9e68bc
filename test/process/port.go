package process

import (
	"fmt"
	"net"
)

// FreePort returns a TCP port of 127.0.0.1 that nobody listens on. Somebody else
// may take it before it is used: see Taken.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// Taken tells whether the port can't be listened on: a server that ended early
// should then be started again on another one.
func Taken(port int) bool {
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return true
	}
	listener.Close()
	return false
}
