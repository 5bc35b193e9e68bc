package proxmox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Request is a call that was made, without its secrets.
type Request struct {
	Method string
	// Path below /api2/json.
	Path   string
	Params url.Values
	// Status of the answer; 0: there was none.
	Status int
}

// call is a request on its way through the API.
type call struct {
	token Token
	// vars are the variable parts of the path.
	vars   map[string]string
	params map[string]string
	// fault of the task that the call starts; nil: none.
	fault *Fault
}

// serve answers one request, or does what a fault says.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, found := strings.CutPrefix(r.URL.Path, "/api2/json")
	if !found {
		answer(w, nil, &failure{status: http.StatusNotImplemented, message: "no such uri"})
		return
	}
	params, fail := readParams(r)
	entry := Request{Method: r.Method, Path: path, Params: params}
	fault := s.nextFault(r.Method, path, params)
	if fault != nil && fault.prevents() {
		entry.Status = fault.Status
		s.note(entry)
		s.act(w, r, fault)
		return
	}
	var data any
	if fail == nil {
		data, fail = s.handle(r, path, params, fault)
	}
	entry.Status = http.StatusOK
	if fail != nil {
		entry.Status = fail.status
	}
	s.note(entry)
	if fault != nil && fault.Deaf {
		panic(http.ErrAbortHandler)
	}
	answer(w, data, fail)
}

func (s *Server) note(entry Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = append(s.journal, entry)
}

// readParams takes parameters from where Proxmox takes them.
func readParams(r *http.Request) (url.Values, *failure) {
	params := r.URL.Query()
	if r.ContentLength == 0 {
		return params, nil
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return params, &failure{status: http.StatusNotImplemented, message: fmt.Sprintf("Unexpected content for method '%s'", r.Method)}
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/x-www-form-urlencoded" {
		return params, &failure{status: http.StatusVariantAlsoNegotiates, message: fmt.Sprintf("upload 'Content-Type '%s' not implemented", kind)}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 512<<10))
	if err != nil {
		return params, die("%v", err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return params, die("%v", err)
	}
	for name, values := range form {
		if _, found := params[name]; !found {
			params[name] = values
		}
	}
	return params, nil
}

// handle is the way of every call: who is it, what does it want, may it, is the host
// there, are the parameters right.
func (s *Server) handle(r *http.Request, path string, params url.Values, fault *Fault) (any, *failure) {
	token, fail := s.authenticate(r)
	if fail != nil {
		return nil, fail
	}
	endpoint, vars := find(r.Method, path)
	if endpoint == nil {
		return nil, &failure{status: http.StatusNotImplemented, message: fmt.Sprintf("Method '%s %s' not implemented", r.Method, path)}
	}
	c := &call{token: token, vars: vars, params: map[string]string{}, fault: fault}
	if endpoint.allowed != nil {
		if fail := endpoint.allowed(c); fail != nil {
			return nil, fail
		}
	}
	if host, found := vars["node"]; found {
		if fail := s.reach(host); fail != nil {
			return nil, fail
		}
	}
	if fail := endpoint.check(c, params); fail != nil {
		return nil, fail
	}
	if fault != nil && fault.TaskExit != "" {
		return s.startTask(c, endpoint.task, c.params["vmid"], nil), nil
	}
	return endpoint.serve(s, c)
}

// reach is what one host says of another that it is to ask.
func (s *Server) reach(host string) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.options.Hosts, host) {
		return die("hostname lookup '%s' failed - failed to get address info for: %s: Name or service not known", host, host)
	}
	if s.offline[host] {
		return &failure{status: 595, message: "No route to host"}
	}
	return nil
}

// answer writes the envelope. Failures have their first line in the status line,
// which net/http doesn't do, and end the connection.
func answer(w http.ResponseWriter, data any, fail *failure) {
	if fail == nil {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data}) // a client that has gone is its own affair
		return
	}
	var body bytes.Buffer
	if fail.status != http.StatusUnauthorized {
		envelope := map[string]any{"data": nil, "message": fail.message + "\n"}
		if len(fail.errors) > 0 {
			envelope["errors"] = fail.errors
		}
		_ = json.NewEncoder(&body).Encode(envelope) // strings alone
	}
	conn, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	writeFailure(buffer.Writer, fail, body.Bytes())
}

func writeFailure(w *bufio.Writer, fail *failure, body []byte) {
	reason, _, _ := strings.Cut(fail.message, "\n")
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nServer: pve-api-daemon/3.0\r\nConnection: close\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s",
		fail.status, reason, len(body), body)
	_ = w.Flush() // a client that has gone is its own affair
}

// Requests are all calls so far, in the order in which they were answered.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.journal)
}

// sorted keys make every list of the fake the same each time.
func sorted[K ~string | ~int, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
