package wire_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// FuzzDecodeRequest looks for bytes that are taken for a request and are not the
// encoding of a valid one.
func FuzzDecodeRequest(f *testing.F) {
	for _, r := range []wire.Request{request(), request(dnsProbe()), request(apiProbe(), echoProbe(), tcpProbe())} {
		body, err := r.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(body[:len(body)/2])
		f.Add(bytes.Replace(body, []byte(`"kind"`), []byte(`"Kind"`), 1))
	}
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := wire.DecodeRequest(body)
		if err != nil {
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("decoded and not valid: %v", err)
		}
		if again, err := r.Encode(); err != nil || !bytes.Equal(again, body) {
			t.Fatalf("%s became %s: %v", body, again, err)
		}
	})
}

// FuzzAuthenticate looks for headers that pass without the key.
func FuzzAuthenticate(f *testing.F) {
	key, err := wire.ParseKey([]byte(strings.Repeat("n", 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("worker-1", "ABCDEFGHIJKLMNOP", "1767323045000", wire.Digest(nil), strings.Repeat("0", 64))
	f.Add("", "", "", "", "")
	f.Add("worker-1\n", "ABCDEFGHIJKLMNOP\n", "-1", "", strings.Repeat("0", 32))
	f.Fuzz(func(t *testing.T, node, nonce, at, digest, signature string) {
		h := http.Header{}
		for name, value := range map[string]string{"Node": node, "Nonce": nonce, "Time": at, "Digest": digest, "Signature": signature} {
			h.Set("Rebirth-"+name, value)
		}
		_, refusal := wire.Authenticate("POST", wire.PathProbes, h, wire.Keys{key}, "worker-1", time.UnixMilli(1767323045000))
		if refusal == nil || refusal.Reason != wire.RefusedUnauthorized {
			t.Fatalf("passed: %v", refusal)
		}
		if len(refusal.Message) > wire.MaxMessage {
			t.Fatalf("a message of %d bytes", len(refusal.Message))
		}
	})
}
