// Package git serves Git repositories for Flux to pull from.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Branch that everything is pushed to.
const Branch = "main"

// Server serves repositories over HTTP by Git's own "git http-backend".
type Server struct {
	git  string // the executable
	dir  string
	addr string
	log  *os.File
	http *http.Server

	mutex       sync.Mutex
	credentials map[string]Credential
}

// Credential opens a repository, by HTTP's basic authentication.
type Credential struct{ Username, Password string }

// Start keeps repositories in the folder and listens on the address, such as
// 127.0.0.1:0 for a free port.
func Start(dir, address string) (*Server, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("git, which a Git server for Flux needs: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "http-backend.log"))
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		log.Close()
		return nil, err
	}
	s := &Server{git: git, dir: dir, addr: listener.Addr().String(), log: log, credentials: map[string]Credential{}}
	s.http = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: s.guard(&cgi.Handler{
			Path:   git,
			Args:   []string{"http-backend"},
			Env:    append(s.environment(), "GIT_PROJECT_ROOT="+dir, "GIT_HTTP_EXPORT_ALL=1"),
			Stderr: log,
		}),
	}
	go func() { _ = s.http.Serve(listener) }() // it ends with Stop
	return s, nil
}

// Stop ends the server; the repositories stay.
func (s *Server) Stop() error { return errors.Join(s.http.Close(), s.log.Close()) }

// Protect gives the repository to those alone who have the credential.
func (s *Server) Protect(repository string, credential Credential) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.credentials[repository] = credential
}

// guard lets a request pass if it has the credential that its repository takes. The
// credential goes no further: a CGI program would have it in its environment.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = path.Clean("/" + r.URL.Path)
		repository, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git")
		s.mutex.Lock()
		wanted, protected := s.credentials[repository]
		s.mutex.Unlock()
		username, password, _ := r.BasicAuth()
		if protected && wanted != (Credential{username, password}) {
			w.Header().Set("WWW-Authenticate", `Basic realm="Git"`)
			http.Error(w, "the repository is private", http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization")
		next.ServeHTTP(w, r)
	})
}

// environment keeps the user's own configuration out, and the variables that Git
// gives to its hooks.
func (s *Server) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}
}

// URL of a repository.
func (s *Server) URL(repository string) string {
	return "http://" + s.addr + "/" + repository + ".git"
}

// Commit makes the files the whole content of the repository's branch, in a new
// commit, whose name it returns. It creates the repository if there is none.
func (s *Server) Commit(ctx context.Context, repository string, files fs.FS) (string, error) {
	gitDir := filepath.Join(s.dir, repository+".git")
	_, err := os.Stat(gitDir)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		if _, err := s.run(ctx, nil, "init", "--bare", "--quiet", "--initial-branch="+Branch, gitDir); err != nil {
			return "", err
		}
	}
	stream, err := fastImport(files, !created)
	if err != nil {
		return "", err
	}
	if _, err := s.run(ctx, stream, "--git-dir="+gitDir, "fast-import", "--quiet"); err != nil {
		return "", err
	}
	name, err := s.run(ctx, nil, "--git-dir="+gitDir, "rev-parse", Branch)
	return strings.TrimSpace(string(name)), err
}

// Tag names the newest commit of the repository; a former tag of that name is moved.
func (s *Server) Tag(ctx context.Context, repository, name string) error {
	_, err := s.run(ctx, nil, "--git-dir="+filepath.Join(s.dir, repository+".git"), "tag", "--force", name, Branch)
	return err
}

// fastImport is the input of "git fast-import" for one commit.
func fastImport(files fs.FS, hasParent bool) ([]byte, error) {
	var stream bytes.Buffer
	fmt.Fprintf(&stream, "commit refs/heads/%s\ncommitter Rebirth <rebirth@test> %d +0000\ndata 4\npush\n", Branch, time.Now().Unix())
	if hasParent {
		fmt.Fprintf(&stream, "from refs/heads/%s^0\n", Branch)
	}
	stream.WriteString("deleteall\n")
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", path)
		}
		content, err := fs.ReadFile(files, path)
		fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
		return err
	})
	return stream.Bytes(), err
}

func (s *Server) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.git, args...)
	cmd.Env = s.environment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}
