package figures

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the rows as aligned columns.
func Text(w io.Writer, rows []Row) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "MEASURE\tMEASURED\tBUDGET\tVERDICT")
	for _, row := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.What, row.Measured, row.Budget, row.Verdict)
	}
	return table.Flush()
}

// Markdown returns the rows as a table of a Markdown document.
func Markdown(rows []Row) string {
	var out strings.Builder
	out.WriteString("| measure | measured | budget | verdict |\n|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", cell(row.What), cell(row.Measured), cell(row.Budget), cell(string(row.Verdict)))
	}
	return out.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
