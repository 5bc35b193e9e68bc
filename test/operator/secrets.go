package operator

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The labels that PGO puts on a user's Secret.
const (
	ClusterLabel = "postgres-operator.crunchydata.com/cluster"
	RoleLabel    = "postgres-operator.crunchydata.com/role"
	UserLabel    = "postgres-operator.crunchydata.com/pguser"
)

// SecretName is the name of a user's Secret.
func (c *Cluster) SecretName(user string) string { return c.Name + "-pguser-" + user }

// WriteSecrets writes the cluster's certificate and the users' Secrets, as PGO does
// before any SQL: it keeps what is there, makes a password where there is none, and
// a verifier where there is none.
func (c *Cluster) WriteSecrets(ctx context.Context) error {
	if err := c.writeCertificate(ctx); err != nil {
		return err
	}
	for _, user := range c.Users {
		if err := c.writeUser(ctx, user); err != nil {
			return err
		}
	}
	return nil
}

// writeUser follows generatePostgresUserSecret of PGO's postgres.go.
func (c *Cluster) writeUser(ctx context.Context, user string) error {
	owner, err := c.owner(ctx)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.SecretName(user)}}
	err = c.operator.client.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	missing := apierrors.IsNotFound(err)
	before := secret.DeepCopy()
	secret.OwnerReferences = []metav1.OwnerReference{*owner}
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	secret.Labels[ClusterLabel], secret.Labels[RoleLabel], secret.Labels[UserLabel] = c.Name, "pguser", user
	password, verifier := string(secret.Data["password"]), string(secret.Data["verifier"])
	if password == "" {
		password, verifier = c.operator.NewPassword(user), ""
	}
	if verifier == "" {
		verifier = scramVerifier(password)
	}
	host, port := c.operator.postgres.Host(), strconv.Itoa(c.operator.postgres.Port())
	secret.Data = map[string][]byte{
		"host": []byte(host), "port": []byte(port), "user": []byte(user), "dbname": []byte(user),
		"password": []byte(password), "verifier": []byte(verifier),
		"uri":      fmt.Appendf(nil, "postgresql://%s:%s@%s:%s/%s", user, password, host, port, user),
		"jdbc-uri": fmt.Appendf(nil, "jdbc:postgresql://%s:%s/%s?password=%s&user=%s", host, port, user, password, user),
	}
	if missing {
		return c.operator.client.Create(ctx, secret)
	}
	return c.operator.client.Patch(ctx, secret, client.MergeFrom(before))
}

// ApplyUsers runs the SQL that gives every role the verifier of its Secret.
func (c *Cluster) ApplyUsers(ctx context.Context) error {
	for _, user := range c.Users {
		secret, err := c.Secret(ctx, user)
		if err != nil {
			return err
		}
		if err := c.operator.postgres.SetRole(ctx, user, "until the next statement", user); err != nil {
			return err
		}
		if err := c.operator.postgres.SetRoleVerifier(ctx, user, string(secret.Data["verifier"])); err != nil {
			return err
		}
	}
	return nil
}

// Secret returns a user's Secret.
func (c *Cluster) Secret(ctx context.Context, user string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, c.operator.client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: c.SecretName(user)}, secret)
}

// Password returns the password in a user's Secret.
func (c *Cluster) Password(ctx context.Context, user string) (string, error) {
	secret, err := c.Secret(ctx, user)
	return string(secret.Data["password"]), err
}

// EditSecret changes a user's Secret, as a user does who rotates a password.
func (c *Cluster) EditSecret(ctx context.Context, user string, edit func(map[string][]byte)) error {
	before, err := c.Secret(ctx, user)
	if err != nil {
		return err
	}
	after := before.DeepCopy()
	edit(after.Data)
	return c.operator.client.Patch(ctx, after, client.MergeFrom(before))
}

// Verifiers returns what the database knows of every user: what a backup holds.
func (c *Cluster) Verifiers(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for _, user := range c.Users {
		verifier, err := c.operator.postgres.Verifier(ctx, user)
		if err != nil {
			return nil, err
		}
		out[user] = verifier
	}
	return out, nil
}

// RestoreVerifiers puts the database's roles back to what a backup held.
func (c *Cluster) RestoreVerifiers(ctx context.Context, verifiers map[string]string) error {
	for user, verifier := range verifiers {
		if err := c.operator.postgres.SetRoleVerifier(ctx, user, verifier); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) writeCertificate(ctx context.Context) error {
	owner, err := c.owner(ctx)
	if err != nil {
		return err
	}
	err = c.operator.client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name + "-cluster-cert", OwnerReferences: []metav1.OwnerReference{*owner}},
		Data: map[string][]byte{
			"ca.crt": c.operator.postgres.CA(), "tls.crt": c.operator.postgres.CA(),
			"tls.key": []byte("-----BEGIN PRIVATE KEY-----\nMUST NEVER BE MIRRORED\n-----END PRIVATE KEY-----\n"),
		},
	})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// scramVerifier is what PGO computes for a password (RFC 5803, and
// src/common/scram-common.c of PostgreSQL).
func scramVerifier(password string) string {
	const iterations = 4096
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		panic(err) // only for a key length that is out of range
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(sign(salted, "Server Key")))
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func randomPassword(string) string { return rand.Text() }
