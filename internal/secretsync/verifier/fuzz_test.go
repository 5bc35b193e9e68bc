package verifier

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// FuzzParse looks for verifiers that are parsed into something out of bounds, or
// that don't survive being written and parsed again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "$", "md5", scramPrefix, scramPrefix + "1:$:", scramPrefix + "1:$$::",
		pencilMD5, pencilSCRAM,
		strings.Replace(pencilSCRAM, "4096", "2147483648", 1),
		strings.Replace(pencilSCRAM, "4096", "+1", 1),
		strings.Replace(pencilSCRAM, "==", "", 1),
		pencilSCRAM + ":", pencilSCRAM + "\n", pencilSCRAM + "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, verifier string) {
		parsed, err := parseSCRAM(verifier)
		if err != nil {
			return
		}
		if parsed.iterations < 1 || parsed.iterations > maxIterations ||
			len(parsed.storedKey) != sha256.Size || len(parsed.serverKey) != sha256.Size {
			t.Fatalf("out of bounds: %+v", parsed)
		}
		again, err := parseSCRAM(fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, parsed.iterations,
			encoding.EncodeToString(parsed.salt), encoding.EncodeToString(parsed.storedKey), encoding.EncodeToString(parsed.serverKey)))
		if err != nil || again.iterations != parsed.iterations || !bytes.Equal(again.salt, parsed.salt) ||
			!bytes.Equal(again.storedKey, parsed.storedKey) || !bytes.Equal(again.serverKey, parsed.serverKey) {
			t.Fatalf("%+v became %+v: %v", parsed, again, err)
		}
	})
}
