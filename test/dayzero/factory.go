package dayzero

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"

	"k8s.io/apimachinery/pkg/util/uuid"
)

// factory plays the one call of an Image Factory that bootstrap makes itself: it
// tells of a schematic. Proxmox downloads the image.
type factory struct {
	endpoint string
	server   *http.Server
}

func startFactory() (*factory, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /schematics", register)
	f := &factory{endpoint: "http://" + listener.Addr().String(), server: &http.Server{Handler: mux}}
	go func() { _ = f.server.Serve(listener) }()
	return f, nil
}

func (f *factory) stop() error { return f.server.Close() }

// register answers with the schematic's id: the SHA-256 of its canonical YAML, which
// is what bootstrap sends.
func register(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"id": hex.EncodeToString(sum[:])})
}

func newUUID() string { return string(uuid.NewUUID()) }
