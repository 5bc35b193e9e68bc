package proxmox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Token is an API token, and what it may do.
type Token struct {
	// ID is USER@REALM!NAME.
	ID     string
	Secret string
	// Privileges by path of the access control list. They hold for everything below
	// the path, unless a deeper one is listed, which then holds instead.
	Privileges map[string][]string
}

// LeastPrivileges is all that bootstrap needs, with the given storages for the image
// and for disks.
func LeastPrivileges(imageStorage, diskStorage string) map[string][]string {
	privileges := map[string][]string{
		"/vms": {
			"VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Disk",
			"VM.Config.HWType", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options",
		},
		"/nodes":                  {"Sys.AccessNetwork"},
		"/sdn/zones/localnetwork": {"SDN.Use"},
	}
	add := func(storage string, names ...string) {
		privileges["/storage/"+storage] = append(privileges["/storage/"+storage], names...)
	}
	add(imageStorage, "Datastore.AllocateTemplate", "Datastore.Audit")
	add(diskStorage, "Datastore.AllocateSpace")
	return privileges
}

// privileges that the token has on a path.
func (t Token) privileges(path string) []string {
	for ; ; path = path[:strings.LastIndex(path, "/")] {
		if path == "" {
			return t.Privileges["/"]
		}
		if names, found := t.Privileges[path]; found {
			return names
		}
	}
}

func (t Token) hasAny(path string, names ...string) bool {
	held := t.privileges(path)
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(held, name) })
}

// check that the token has all of them.
func (t Token) check(path string, names ...string) *failure {
	for _, name := range names {
		if !t.hasAny(path, name) {
			return denied("%s, %s", path, name)
		}
	}
	return nil
}

func (t Token) checkAny(path string, names ...string) *failure {
	if !t.hasAny(path, names...) {
		return denied("%s, %s", path, strings.Join(names, "|"))
	}
	return nil
}

// seesBridge is true with a privilege on the bridge or on a VLAN of it.
func (t Token) seesBridge(bridge string) bool {
	path := "/sdn/zones/localnetwork/" + bridge
	if t.hasAny(path, "SDN.Audit", "SDN.Use") {
		return true
	}
	for below := range t.Privileges {
		if strings.HasPrefix(below, path+"/") && t.hasAny(below, "SDN.Audit", "SDN.Use") {
			return true
		}
	}
	return false
}

// authenticate finds the token of a request.
func (s *Server) authenticate(r *http.Request) (Token, *failure) {
	given, found := strings.CutPrefix(r.Header.Get("Authorization"), "PVEAPIToken=")
	if !found {
		return Token{}, &failure{status: http.StatusUnauthorized, message: "No ticket"}
	}
	for _, token := range s.options.Tokens {
		if given == token.ID+"="+token.Secret {
			return token, nil
		}
	}
	return Token{}, &failure{status: http.StatusUnauthorized, message: "Authentication failed!"}
}

// failure is an answer other than success.
type failure struct {
	status  int
	message string
	errors  map[string]string // by parameter
}

// die is how Proxmox's programs end: with status 500 and a text.
func die(format string, args ...any) *failure {
	return &failure{status: http.StatusInternalServerError, message: fmt.Sprintf(format, args...)}
}

func denied(format string, args ...any) *failure {
	return &failure{status: http.StatusForbidden, message: "Permission check failed (" + fmt.Sprintf(format, args...) + ")"}
}

// bareDenied is how Proxmox denies when it doesn't say what lacks.
func bareDenied() *failure {
	return &failure{status: http.StatusForbidden, message: "Permission check failed"}
}

func invalid(errors map[string]string) *failure {
	return &failure{status: http.StatusBadRequest, message: "Parameter verification failed.", errors: errors}
}
