package main

import (
	"fmt"
	"os"

	"github.com/tazzo/rebirth/test/bench/figures"
)

// The markers of the document, between which the figures stand.
const (
	beginMarker = "<!-- figures: written by make bench -->"
	endMarker   = "<!-- end of figures -->"
)

func writeReport(path, machine string, rows []figures.Row) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the report (does this run in the repository's root?): %w", err)
	}
	content, err := figures.Replace(string(document), beginMarker, endMarker, "\n"+machine+"\n"+figures.Markdown(rows))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(content), 0o644)
}
