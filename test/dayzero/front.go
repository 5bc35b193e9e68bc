package dayzero

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"sync"
)

// TailnetFault is what goes wrong with calls of the tailnet's control server.
type TailnetFault struct {
	// Method of the calls that it is for, and their Path, as a pattern of path.Match.
	Method, Path string
	// Skip is how many calls go well before.
	Skip int
	// Times is how many calls it is for; 0: one; negative: all.
	Times int
	// Status that is answered, while nothing is done.
	Status int
}

// front is the proxy that stands before Headscale, for bootstrap and for nodes. It
// hands everything on, unless a fault is armed.
type front struct {
	endpoint string
	server   *http.Server

	mutex  sync.Mutex
	faults []*TailnetFault
}

func startFront(behind string) (*front, error) {
	target, err := url.Parse(behind)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	silent := log.New(io.Discard, "", 0) // nodes that hang up are no news
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval, proxy.ErrorLog = -1, silent
	f := &front{endpoint: "http://" + listener.Addr().String()}
	f.server = &http.Server{ErrorLog: silent, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := f.fault(r.Method, r.URL.Path); status != 0 {
			http.Error(w, http.StatusText(status), status)
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = f.server.Serve(listener) }()
	return f, nil
}

func (f *front) stop() error { return f.server.Close() }

// fault is the status with which a call is answered instead of Headscale; 0 is none.
func (f *front) fault(method, called string) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for i, fault := range f.faults {
		if matches, err := path.Match(fault.Path, called); err != nil || !matches || method != fault.Method {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		if fault.Times--; fault.Times == 0 {
			f.faults = slices.Delete(f.faults, i, i+1)
		}
		return fault.Status
	}
	return 0
}

// FailTailnet arms a fault of Headscale's.
func (w *World) FailTailnet(fault TailnetFault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	w.front.mutex.Lock()
	defer w.front.mutex.Unlock()
	w.front.faults = append(w.front.faults, &fault)
}

// TailnetFaults is how many are armed still.
func (w *World) TailnetFaults() int {
	w.front.mutex.Lock()
	defer w.front.mutex.Unlock()
	return len(w.front.faults)
}

// HealTailnet disarms all of them.
func (w *World) HealTailnet() {
	w.front.mutex.Lock()
	defer w.front.mutex.Unlock()
	w.front.faults = nil
}
