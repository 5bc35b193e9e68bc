package figures

// Verdict on a budget.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "met"
	Missed Verdict = "MISSED"
	// NoBudget: a figure for comparison.
	NoBudget Verdict = "–"
)

// Row is one line of the report.
type Row struct {
	What     string
	Measured string
	Budget   string
	Verdict  Verdict
}

// Plain is a row without a budget.
func Plain(what, measured string) Row {
	return Row{What: what, Measured: measured, Budget: "–", Verdict: NoBudget}
}

// AtMost judges a figure that may not exceed its budget; format shows either.
func AtMost[N Number](what string, measured, budget N, format func(N) string) Row {
	row := Row{What: what, Measured: format(measured), Budget: "≤ " + format(budget), Verdict: Met}
	if measured > budget {
		row.Verdict = Missed
	}
	return row
}

// Zero judges a count of what must not happen at all.
func Zero(what string, measured int, show string) Row {
	row := Row{What: what, Measured: show, Budget: "0", Verdict: Met}
	if measured != 0 {
		row.Verdict = Missed
	}
	return row
}

// AllMet reports whether no row misses its budget.
func AllMet(rows []Row) bool {
	for _, row := range rows {
		if row.Verdict == Missed {
			return false
		}
	}
	return true
}
