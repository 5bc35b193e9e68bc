package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Request asks an agent to run probes, some of them at the same time. Which agent
// it is for, and when it was made, stands in its Envelope.
type Request struct {
	// Timeout is for all probes together, in nanoseconds on the wire, up to MaxRun.
	// A probe that was not done by then is answered with NotDone.
	Timeout time.Duration `json:"timeout"`
	// Probes may be none: then the answer only says who answers.
	Probes []Probe `json:"probes,omitempty"`
}

// Encode returns the request's one encoding, or what is wrong with it.
func (r Request) Encode() ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return encode(r)
}

// DecodeRequest returns the request if it is valid and encoded as Encode does it:
// no unknown or repeated field, and nothing after it.
func DecodeRequest(body []byte) (Request, error) {
	var r Request
	if err := decode(body, &r); err != nil {
		return Request{}, fmt.Errorf("the request %w", err)
	}
	if err := r.Validate(); err != nil {
		return Request{}, err
	}
	return r, nil
}

func encode(message any) ([]byte, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", message, err)
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%T has %d bytes as JSON: at most %d are possible", message, len(body), MaxBody)
	}
	return body, nil
}

// decode accepts one encoding only: encoding/json alone lets repeated fields, other
// cases of letters and broken UTF-8 pass.
func decode(body []byte, message any) error {
	if len(body) > MaxBody {
		return fmt.Errorf("has %d bytes: at most %d are possible", len(body), MaxBody)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(message); err != nil {
		return fmt.Errorf("is not JSON as this version writes it: %w", err)
	}
	canonical, err := encode(message)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, canonical) {
		return fmt.Errorf("is not JSON as this version writes it: it has other spaces, letters, repeated fields or more after its end")
	}
	return nil
}
