package progress

import (
	"fmt"
	"io"
	"time"
)

// heartbeat is after how long without a line a running step gets one.
const heartbeat = 30 * time.Second

// plain writes lines.
type plain struct {
	out io.Writer
	// mentioned is when a running step last had a line.
	mentioned map[string]time.Time
}

func (p *plain) show(b *Board, happened []happening, _ time.Time) error {
	for _, h := range happened {
		if !h.turned || h.row.State == Waiting {
			continue
		}
		if err := p.write(lineOf(b, h.row, h.row.State, h.event.At), h.row.Step, h.event.At); err != nil {
			return err
		}
	}
	return nil
}

func (p *plain) tick(b *Board, now time.Time) error {
	for _, r := range b.Rows {
		if r.State != Running || now.Sub(later(r.Began, p.mentioned[r.Step])) < heartbeat {
			continue
		}
		if err := p.write(lineOf(b, r, still, now), r.Step, now); err != nil {
			return err
		}
	}
	return nil
}

func (p *plain) write(l line, step string, at time.Time) error {
	if p.mentioned == nil {
		p.mentioned = map[string]time.Time{}
	}
	p.mentioned[step] = at
	_, err := fmt.Fprintln(p.out, l)
	return err
}

func (*plain) end() {}

func (p *plain) summary(s Summary) error {
	_, err := fmt.Fprintf(p.out, "\n%s\n", s)
	return err
}
