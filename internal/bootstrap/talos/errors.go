package talos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/grpc/codes"

	"github.com/tazzo/rebirth/internal/quote"
)

// Reason is why a call to Talos failed, for those who must tell such things apart.
type Reason string

// The reasons.
const (
	// Unreachable: nobody answered at the address, or not as Talos.
	Unreachable Reason = "Unreachable"
	// Denied: Talos refuses our credentials, or what they may do.
	Denied Reason = "Denied"
	// TimedOut: the answer took too long.
	TimedOut Reason = "TimedOut"
	// NotReady: Talos isn't that far yet.
	NotReady Reason = "NotReady"
	// Invalid: Talos refuses what it was sent.
	Invalid Reason = "Invalid"
	// NotFound: Talos doesn't have it.
	NotFound Reason = "NotFound"
	// Failed: anything else.
	Failed Reason = "Failed"
)

// CallError is a call to Talos that failed. It holds no part of a configuration.
type CallError struct {
	Node    string
	Address netip.Addr
	// Call in plain words, such as "start etcd".
	Call   string
	Reason Reason
	// Message of Talos or of the connection, shortened.
	Message string

	cause error
}

// Error names node, address and call.
func (e *CallError) Error() string {
	return fmt.Sprintf("node %s (%s): %s: %s: %s", e.Node, e.Address, e.Call, e.Reason.words(), e.Message)
}

// Unwrap gives the end of the caller's context, if that is what ended the call.
func (e *CallError) Unwrap() error { return e.cause }

func (r Reason) words() string {
	switch r {
	case Unreachable:
		return "does not answer"
	case Denied:
		return "refuses our credentials"
	case TimedOut:
		return "took too long"
	case NotReady:
		return "is not ready"
	case Invalid:
		return "refuses what it was sent"
	case NotFound:
		return "does not have it"
	default:
		return "failed"
	}
}

// ReasonOf an error that came from a call to Talos; Failed for any other.
func ReasonOf(err error) Reason {
	var call *CallError
	if errors.As(err, &call) {
		return call.Reason
	}
	return Failed
}

// callError makes the error of a call from what gRPC says.
func (t target) callError(ctx context.Context, call string, err error) error {
	if err == nil {
		return nil
	}
	failed := &CallError{Node: t.node, Address: t.address, Call: call, Reason: reasonOf(err), Message: t.message(err), cause: context.Cause(ctx)}
	if errors.Is(failed.cause, context.Canceled) {
		failed.Reason, failed.Message = Failed, "interrupted"
	}
	return failed
}

func reasonOf(err error) Reason {
	switch client.StatusCode(err) {
	case codes.Unavailable, codes.Canceled:
		return Unreachable
	case codes.PermissionDenied, codes.Unauthenticated:
		return Denied
	case codes.DeadlineExceeded:
		return TimedOut
	case codes.FailedPrecondition:
		return NotReady
	case codes.InvalidArgument:
		return Invalid
	case codes.NotFound:
		return NotFound
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return TimedOut
	}
	return Failed
}

// message is what gRPC or Talos says, without what may be part of a configuration.
func (t target) message(err error) string {
	text := err.Error()
	if status := client.Status(err); status != nil {
		text = status.Message()
	}
	// gRPC wraps the reasons of a connection that failed in quotes, twice or thrice.
	for {
		_, inner, found := strings.Cut(text, `desc = "`)
		if !found {
			break
		}
		if unquoted, err := strconv.Unquote(`"` + strings.TrimSuffix(inner, `"`) + `"`); err == nil {
			inner = unquoted
		}
		text = inner
	}
	for _, noise := range []string{"transport: ", "Error while dialing: ", "dial tcp " + t.endpoint() + ": ", "connect: "} {
		text = strings.TrimPrefix(text, noise)
	}
	return quote.Line(valueless(text), 300)
}

// withoutValues is an error of machinery's without the values that it quotes from a
// configuration or a patch.
func withoutValues(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(valueless(err.Error()))
}

var (
	// quotedValue is how YAML's decoder quotes what it couldn't read.
	quotedValue = regexp.MustCompile("`[^`]*`")
	// countOfErrors begins a list of faults, and says nothing.
	countOfErrors = regexp.MustCompile(`\d+ errors? occurred:$`)
)

// valueless makes one line of what machinery says. What it refuses stands in the
// lines after the first: as a list of faults, which are kept; as YAML, of which the
// keys are; and as a diff, which is not.
func valueless(text string) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(quotedValue.ReplaceAllString(text, "…")), "\n")
	parts := []string{countOfErrors.ReplaceAllString(first, "")}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "diff:") {
			break
		}
		if fault, is := strings.CutPrefix(line, "* "); is {
			parts = append(parts, endFault(countOfErrors.ReplaceAllString(fault, "")))
			continue
		}
		if key, _, is := strings.Cut(strings.TrimPrefix(line, "- "), ":"); is {
			parts = append(parts, key+":")
		}
	}
	return strings.Trim(strings.Join(strings.Fields(strings.Join(parts, " ")), " "), ";: ")
}

// endFault parts a fault from the next one, unless it is the heading of others.
func endFault(fault string) string {
	if fault = strings.TrimSpace(fault); strings.HasSuffix(fault, ":") {
		return fault
	}
	return fault + ";"
}
