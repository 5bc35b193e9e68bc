package proxmox

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// newDisk is the name of a disk that is to be made: STORAGE:GIBIBYTES.
var newDisk = regexp.MustCompile(`^([^/:\s]+):(\d+(\.\d+)?)$`)

// checkDrives are qemu-server's check_storage_access and check_drive_param.
func (s *Server) checkDrives(c *call) *failure {
	for _, name := range sorted(c.params) {
		if !isDrive(name) {
			continue
		}
		parts, _ := driveFormat(name).parse(c.params[name]) // it passed the format
		if fail := s.checkDrive(c, name, parts); fail != nil {
			return fail
		}
	}
	return nil
}

func (s *Server) checkDrive(c *call, name string, parts map[string]string) *failure {
	file := parts["file"]
	storage, volume, _ := strings.Cut(file, ":")
	if volume == "cloudinit" {
		_, fail := s.usable(storage, c.vars["node"])
		return fail
	}
	match := newDisk.FindStringSubmatch(file)
	if match == nil {
		return die("the fake makes new disks alone, not %s", file)
	}
	if fail := c.token.check("/storage/"+storage, "Datastore.AllocateSpace"); fail != nil {
		return fail
	}
	st, fail := s.usable(storage, c.vars["node"])
	if fail != nil {
		return fail
	}
	if !st.takes("images") {
		return invalid(map[string]string{"storage": fmt.Sprintf("storage '%s' does not support vm images", storage)})
	}
	source := parts["import-from"]
	if source == "" {
		return nil
	}
	if match[2] != "0" {
		return invalid(map[string]string{name: "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>"})
	}
	return s.checkSource(c, name, source)
}

// checkSource looks at the image that a disk is imported from.
func (s *Server) checkSource(c *call, name, source string) *failure {
	storage, volume, managed := strings.Cut(source, ":")
	if !managed {
		return die("Only root can pass arbitrary filesystem paths.")
	}
	if _, fail := s.usable(storage, c.vars["node"]); fail != nil {
		return fail
	}
	kind, _, _ := strings.Cut(volume, "/")
	if kind != "import" {
		return invalid(map[string]string{name: fmt.Sprintf("%s has wrong type '%s' - needs to be 'images' or 'import'", source, kind)})
	}
	if !importName.MatchString(volume) {
		return die("unable to parse directory volume name '%s'", volume)
	}
	return c.token.checkAny("/storage/"+storage, "Datastore.AllocateSpace", "Datastore.Audit")
}

// importCount is how many imports a host runs, and ran at most at the same time.
type importCount struct{ now, most int }

// MostImports is how many imports the host ran at the same time, at most.
func (s *Server) MostImports(host string) int { return s.importsOf(host).most }

// ImportsNow is how many it runs.
func (s *Server) ImportsNow(host string) int { return s.importsOf(host).now }

func (s *Server) importsOf(host string) importCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	if count := s.imports[host]; count != nil {
		return *count
	}
	return importCount{}
}

// makeDrive makes the disk that the value asks for and returns what stands in the
// configuration then. It is called without mu.
func (s *Server) makeDrive(t *task, v *vm, name, value string) (string, error) {
	parts, err := driveFormat(name).parse(value)
	if err != nil {
		return "", err
	}
	storage, rest, _ := strings.Cut(parts["file"], ":")
	if rest == "cloudinit" {
		id := s.allocate(v, storage, fmt.Sprintf("vm-%d-cloudinit", v.id), &volume{size: 4 << 20, vmid: v.id})
		return id + ",media=cdrom", nil
	}
	gibibytes, _ := strconv.ParseFloat(rest, 64) // it passed the format
	made := &volume{size: int64(gibibytes * (1 << 30)), vmid: v.id}
	if source := parts["import-from"]; source != "" {
		if made.size, err = s.copyImage(t, v.host, source); err != nil {
			return "", err
		}
		made.from = source
	}
	id := s.allocate(v, storage, "", made)
	t.log("%s: successfully created disk '%s'", name, id)
	config := id
	for _, part := range sorted(parts) {
		if part != "file" && part != "import-from" {
			config += "," + part + "=" + parts[part]
		}
	}
	return config + ",size=" + strconv.FormatInt(made.size>>10, 10) + "K", nil
}

// copyImage takes its time, and tells of it.
func (s *Server) copyImage(t *task, host, source string) (size int64, err error) {
	s.mu.Lock()
	image := s.volumes[s.key(host, source)]
	if s.imports[host] == nil {
		s.imports[host] = &importCount{}
	}
	count := s.imports[host]
	count.now++
	count.most = max(count.most, count.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		count.now--
	}()
	if image == nil {
		return 0, fmt.Errorf("failed to stat '/var/lib/vz/%s'", strings.SplitN(source, ":", 2)[1])
	}
	const parts = 4
	for i := 1; i <= parts; i++ {
		if !s.sleep(s.taskTime("import") / parts) {
			return 0, fmt.Errorf("interrupted by signal")
		}
		t.log("transferred %d.0 MiB of %d.0 MiB (%d.00%%)", image.size>>20*int64(i)/parts, image.size>>20, 100*i/parts)
	}
	return image.size, nil
}

// allocate gives the volume the next free name, unless it has one.
func (s *Server) allocate(v *vm, storage, name string, made *volume) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, _ := s.storage(storage)
	full := func(name string) string {
		if st.Type == "dir" {
			return fmt.Sprintf("%s:%d/%s.qcow2", storage, v.id, name)
		}
		return storage + ":" + name
	}
	id := full(name)
	for n := 0; name == ""; n++ {
		id = full(fmt.Sprintf("vm-%d-disk-%d", v.id, n))
		if s.volumes[s.key(v.host, id)] == nil {
			break
		}
	}
	s.volumes[s.key(v.host, id)] = made
	return id
}
