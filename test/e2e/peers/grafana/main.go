// Command grafana stands in for Grafana where its image can't be had. It takes the
// database from Grafana's own variables (GF_DATABASE_…), really logs in to it when it
// starts, ends when it is refused, as Grafana does, and answers /api/health as long as
// its database answers.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const address = ":3000"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := pgx.ParseConfig(connectionString())
	if err != nil {
		return errors.New("the database's settings don't make a connection string") // err may quote the password
	}
	if err := login(ctx, config); err != nil {
		return err
	}
	fmt.Printf("logged in to %s as %s\n", config.Database, config.User)
	server := &http.Server{Addr: address, ReadHeaderTimeout: 10 * time.Second, Handler: health(config)}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// connectionString of Grafana's variables.
func connectionString() string {
	query := url.Values{"sslmode": {os.Getenv("GF_DATABASE_SSL_MODE")}}
	if ca := os.Getenv("GF_DATABASE_CA_CERT_PATH"); ca != "" {
		query.Set("sslrootcert", ca)
	}
	address := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(os.Getenv("GF_DATABASE_USER"), os.Getenv("GF_DATABASE_PASSWORD")),
		Host:     os.Getenv("GF_DATABASE_HOST"),
		Path:     os.Getenv("GF_DATABASE_NAME"),
		RawQuery: query.Encode(),
	}
	return address.String()
}

// login is one login, and one row that Grafana would miss if it were gone.
func login(ctx context.Context, config *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return describe(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS startup (at timestamptz PRIMARY KEY DEFAULT now())"); err != nil {
		return describe(err)
	}
	_, err = conn.Exec(ctx, "INSERT INTO startup DEFAULT VALUES ON CONFLICT DO NOTHING")
	return describe(err)
}

// describe says the SQLSTATE, and nothing of the connection string.
func describe(err error) error {
	var refused *pgconn.PgError
	var network *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fmt.Errorf("refused: %s (SQLSTATE %s)", refused.Message, refused.Code)
	case errors.As(err, &network):
		return fmt.Errorf("not reached: %s", network.Op)
	default:
		return fmt.Errorf("no login: %T", err)
	}
}

// health logs in anew at each question: with the password that this process started
// with, which may be refused by now.
func health(config *pgx.ConnConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, r *http.Request) {
		state := map[string]string{"database": "ok"}
		if err := login(r.Context(), config.Copy()); err != nil {
			fmt.Fprintln(os.Stderr, "grafana:", err)
			state["database"] = "failing"
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(state) // the asker may be gone
	})
	return mux
}
