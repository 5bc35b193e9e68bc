package figures

import (
	"fmt"
	"strings"
)

// Replace puts content between the lines begin and end of the document; all else
// stays as it is. Each marker has to be there once, begin first.
func Replace(document, begin, end, content string) (string, error) {
	for _, marker := range []string{begin, end} {
		if n := strings.Count(document, marker); n != 1 {
			return "", fmt.Errorf("the marker %s is there %d times, not once", marker, n)
		}
	}
	from, to := strings.Index(document, begin)+len(begin), strings.Index(document, end)
	if to < from {
		return "", fmt.Errorf("the marker %s comes after %s", begin, end)
	}
	return document[:from] + "\n" + strings.Trim(content, "\n") + "\n" + document[to:], nil
}
