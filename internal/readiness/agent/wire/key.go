package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

const (
	minKey = 32
	maxKey = 1 << 10
	// maxKeys are the present key and one of before or after it.
	maxKeys = 2
)

// Key is what controller and agents share. However it is printed or logged, it
// says "[redacted]".
type Key struct{ secret []byte }

// ParseKey takes the bytes as they are, a newline at their end included.
func ParseKey(secret []byte) (Key, error) {
	if len(secret) < minKey || len(secret) > maxKey {
		return Key{}, fmt.Errorf("a key has from %d to %d bytes, and this one %d: put random bytes there", minKey, maxKey, len(secret))
	}
	return Key{secret: append([]byte(nil), secret...)}, nil
}

// Format implements fmt.Formatter, for every verb and flag.
func (Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[redacted]")) }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText implements encoding.TextMarshaler; JSON, YAML and log encoders use it.
func (Key) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Keys are one or two: the first one signs, and all are accepted, so that a key can
// be replaced while some have only the old one. Who asks tries the second key where
// the first one is not accepted yet.
type Keys []Key

// ParseKeys takes keys as ParseKey does.
func ParseKeys(secrets ...[]byte) (Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("there is no key")
	}
	if len(secrets) > maxKeys {
		return nil, fmt.Errorf("there are %d keys: at most %d can be in use", len(secrets), maxKeys)
	}
	keys := make(Keys, 0, len(secrets))
	for _, secret := range secrets {
		key, err := ParseKey(secret)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (k Key) sign(text string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func (k Key) verify(text, signature string) bool {
	return len(k.secret) >= minKey && hmac.Equal([]byte(signature), []byte(k.sign(text)))
}
