package secrets

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
)

// Passwords knows every password of the demo, and gives each a label that can be
// shown in its place.
type Passwords struct {
	mu     sync.Mutex
	labels map[string]string
	// secrets are passwords and what is made from them.
	secrets [][]byte
}

// NewPasswords knows none.
func NewPasswords() *Passwords { return &Passwords{labels: map[string]string{}} }

// Next makes a password: the first is labelled P0.
func (p *Passwords) Next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	password := rand.Text()
	p.labels[password] = fmt.Sprintf("P%d", len(p.labels))
	p.hide([]byte(password))
	return password
}

// Label is what a password is called in the demo's output.
func (p *Passwords) Label(password []byte) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch label, known := p.labels[string(password)]; {
	case known:
		return label
	case len(password) == 0:
		return ""
	default:
		return "an unknown password"
	}
}

// Hide adds something else that must not appear anywhere, such as a verifier.
func (p *Passwords) Hide(secret []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hide(secret)
}

func (p *Passwords) hide(secret []byte) {
	known := func(other []byte) bool { return bytes.Equal(secret, other) }
	if len(secret) > 0 && !slices.ContainsFunc(p.secrets, known) {
		p.secrets = append(p.secrets, slices.Clone(secret))
	}
}

// Found counts the secrets that appear in text, as they are or in base64.
func (p *Passwords) Found(text []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := 0
	for _, secret := range p.secrets {
		if bytes.Contains(text, secret) || bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString(secret))) {
			found++
		}
	}
	return found
}

// Count is how many secrets are known.
func (p *Passwords) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.secrets)
}
