// Command report tells when each thing of a cluster's rebirth happened, from what the
// cluster itself remembers: a table, and with --svg a chart.
//
//	go run ./test/e2e/report --consumer monitoring/grafana --svg timeline.svg
//
// It takes the cluster that kubectl would take, and only reads.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/tazzo/rebirth/test/e2e/timeline"
)

func main() {
	consumer := flag.String("consumer", "monitoring/grafana", "the workload whose readiness ends the rebirth, namespace/name")
	svg := flag.String("svg", "", "the file that takes the chart")
	title := flag.String("title", "Rebirth", "the chart's title, with the machine's name, say")
	flag.Parse() // config adds --kubeconfig
	if err := run(context.Background(), *consumer, *svg, *title); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, consumer, svg, title string) error {
	namespace, name, ok := strings.Cut(consumer, "/")
	if !ok {
		return fmt.Errorf("--consumer %q is not of the form namespace/name", consumer)
	}
	rest, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster (KUBECONFIG or --kubeconfig names one): %w", err)
	}
	reader, err := client.New(rest, client.Options{Scheme: clientgoscheme.Scheme})
	if err != nil {
		return err
	}
	line, err := timeline.Collect(ctx, reader, timeline.Consumer{Namespace: namespace, Name: name})
	if err != nil {
		return err
	}
	if err := line.WriteTable(os.Stdout); err != nil || svg == "" {
		return err
	}
	file, err := os.Create(svg)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := line.WriteSVG(file, title); err != nil {
		return err
	}
	return file.Close()
}
