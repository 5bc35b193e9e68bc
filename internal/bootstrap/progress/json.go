package progress

import (
	"encoding/json"
	"io"
	"time"
)

// jsonLines writes every event, also those that change nothing on the board.
type jsonLines struct{ out io.Writer }

func (j *jsonLines) show(_ *Board, happened []happening, _ time.Time) error {
	for _, h := range happened {
		if err := j.write(struct {
			Type string `json:"type"`
			Event
		}{"event", h.event}); err != nil {
			return err
		}
	}
	return nil
}

func (*jsonLines) tick(*Board, time.Time) error { return nil }

func (*jsonLines) end() {}

func (j *jsonLines) summary(s Summary) error {
	return j.write(struct {
		Type string `json:"type"`
		Summary
	}{"summary", s})
}

func (j *jsonLines) write(object any) error {
	encoder := json.NewEncoder(j.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(object)
}
