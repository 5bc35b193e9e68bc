// The CRDs of External Secrets, for tests and the demo (test/controlplane).
// Nothing is built from this module: its files are read with "go mod download".
module github.com/tazzo/rebirth/tools/external-secrets

go 1.26.0

require github.com/external-secrets/external-secrets v0.19.2
