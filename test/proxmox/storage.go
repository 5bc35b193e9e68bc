package proxmox

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Storage of the cluster.
type Storage struct {
	Name string
	// Type: dir, or one for disks alone, such as lvmthin.
	Type string
	// Content that it takes.
	Content []string
	// Hosts that have it; nil: all.
	Hosts []string
	// Shared storages are the same on all hosts.
	Shared bool
	// Disabled, or Inactive: its disk or server is away.
	Disabled, Inactive bool
}

func (st Storage) takes(content string) bool { return slices.Contains(st.Content, content) }
func (st Storage) on(host string) bool       { return st.Hosts == nil || slices.Contains(st.Hosts, host) }

// Download is a file of the internet.
type Download struct {
	// Size of the disk that it is an image of, in bytes.
	Size int64
	// SHA256 of the file, in hex.
	SHA256 string
}

// volumeKey is a volume's name on one host; shared storages have no host.
type volumeKey struct{ host, id string }

// volume is a disk, or an image.
type volume struct {
	size int64
	vmid int    // owner; 0: none
	from string // the image that it was imported from
}

var importName = regexp.MustCompile(`^import/[a-zA-Z0-9\-.+=_]+\.(ova|ovf|qcow2|raw|vmdk)$`)

func (s *Server) storage(name string) (Storage, bool) {
	i := slices.IndexFunc(s.options.Storages, func(st Storage) bool { return st.Name == name })
	if i < 0 {
		return Storage{}, false
	}
	return s.options.Storages[i], true
}

// key of a volume on a host.
func (s *Server) key(host, id string) volumeKey {
	name, _, _ := strings.Cut(id, ":")
	if st, _ := s.storage(name); st.Shared {
		host = ""
	}
	return volumeKey{host, id}
}

func (s *Server) storages(c *call) (any, *failure) {
	list := []map[string]any{}
	for _, st := range s.options.Storages {
		if !c.token.hasAny("/storage/"+st.Name, "Datastore.Audit", "Datastore.AllocateSpace") ||
			(c.params["storage"] != "" && c.params["storage"] != st.Name) ||
			(c.params["content"] != "" && !st.takes(c.params["content"])) {
			continue
		}
		enabled := !st.Disabled && st.on(c.vars["node"])
		list = append(list, map[string]any{
			"storage": st.Name, "type": st.Type, "content": strings.Join(st.Content, ","), "shared": number(st.Shared),
			"enabled": number(enabled), "active": number(enabled && !st.Inactive), "total": 1 << 40, "avail": 1 << 39, "used": 1 << 39,
		})
	}
	return list, nil
}

func number(set bool) int {
	if set {
		return 1
	}
	return 0
}

// usable is the storage, if the host may use it now.
func (s *Server) usable(name, host string) (Storage, *failure) {
	st, found := s.storage(name)
	switch {
	case !found:
		return st, die("storage '%s' does not exist", name)
	case st.Disabled:
		return st, die("storage '%s' is disabled", name)
	case !st.on(host):
		return st, die("storage '%s' is not available on node '%s'", name, host)
	case st.Inactive:
		return st, die("unable to activate storage '%s' - directory is expected to be a mount point but is not mounted", name)
	}
	return st, nil
}

func (s *Server) content(c *call) (any, *failure) {
	host, name := c.vars["node"], c.vars["storage"]
	if _, fail := s.usable(name, host); fail != nil {
		return nil, fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []map[string]any{}
	for key, v := range s.volumes {
		kind := "images"
		if strings.HasPrefix(key.id, name+":import/") {
			kind = "import"
		}
		if !strings.HasPrefix(key.id, name+":") || key != s.key(host, key.id) || (c.params["content"] != "" && c.params["content"] != kind) {
			continue
		}
		list = append(list, map[string]any{"volid": key.id, "content": kind, "format": "qcow2", "size": v.size, "ctime": 1})
	}
	return list, nil
}

func (s *Server) download(c *call) (any, *failure) {
	host, name, kind := c.vars["node"], c.vars["storage"], c.params["content"]
	st, fail := s.usable(name, host)
	switch {
	case fail != nil:
		return nil, fail
	case st.Type != "dir":
		return nil, die("can't upload to storage type '%s', not a file based storage!", st.Type)
	case !st.takes(kind):
		return nil, die("storage '%s' is not configured for content-type '%s'", name, kind)
	case kind != "import":
		return nil, die("the fake downloads disk images alone")
	case !importName.MatchString("import/" + c.params["filename"]):
		return nil, invalid(map[string]string{"filename": "invalid filename or wrong extension"})
	}
	id := fmt.Sprintf("%s:import/%s", name, c.params["filename"])
	url, checksum := c.params["url"], strings.ToLower(c.params["checksum"])
	return s.startTask(c, "download", c.params["filename"], func(t *task) error { return s.fetch(t, id, url, checksum) }), nil
}

// fetch is PVE::Tools::download_file_from_url.
func (s *Server) fetch(t *task, id, url, checksum string) error {
	file, known := s.options.Downloads[url]
	t.log("downloading %s to %s", url, id)
	s.mu.Lock()
	_, there := s.volumes[s.key(t.host, id)]
	s.mu.Unlock()
	switch {
	case there && checksum == "":
		return fmt.Errorf("refusing to override existing file '%s'", id)
	case there && checksum == file.SHA256:
		t.log("calculating checksum of existing file...OK, got correct file already, no need to download")
		return nil
	case there:
		return fmt.Errorf("checksum mismatch: got '%s' != expect '%s', aborting", file.SHA256, checksum)
	case !known:
		t.log("2026-01-01 00:00:00 ERROR 404: Not Found.")
		return fmt.Errorf("download failed: command 'wget --progress=dot:giga -O %s.tmp_dwnl.1 %s' failed: exit code 8", id, url)
	}
	t.log("     0K ........ ........ ........ ........ 50%%  103M 1s")
	if err := t.takes("download"); err != nil {
		return err
	}
	t.log(" 32768K ........ ........ ........ ........100%%  103M=1s")
	if checksum != "" && checksum != file.SHA256 {
		return fmt.Errorf("checksum mismatch: got '%s' != expect '%s'", file.SHA256, checksum)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[s.key(t.host, id)] = &volume{size: file.Size}
	return nil
}

// AddImage puts an image of a disk of that size there.
func (s *Server) AddImage(host, storage, name string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[s.key(host, storage+":import/"+name)] = &volume{size: size}
}

// Volumes are the names of all disks and images on a host, ordered.
func (s *Server) Volumes(host string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for key := range s.volumes {
		if key.host == host || key.host == "" {
			ids = append(ids, key.id)
		}
	}
	slices.Sort(ids)
	return ids
}
