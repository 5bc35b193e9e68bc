package operator

import (
	"context"
	"fmt"
)

// Initdb plays a fresh cluster to its end: PostgresDataInitialized never appears.
func (c *Cluster) Initdb(ctx context.Context) error {
	return inOrder(ctx, c.WriteSecrets, c.ApplyUsers, c.reportUsers)
}

// BootstrapRestore plays a restore into a new cluster to its end. backup is what
// Verifiers returned when the backup was made: for a moment after the start the
// old passwords log in, and the Secrets' are refused.
func (c *Cluster) BootstrapRestore(ctx context.Context, backup map[string]string) error {
	return inOrder(ctx, c.BeginBootstrapRestore, c.WriteSecrets, c.FinishRestoreJob,
		func(ctx context.Context) error { return c.RestoreVerifiers(ctx, backup) },
		c.ApplyUsers, c.reportUsers)
}

// InPlaceRestore plays a restore of the running cluster to its end. The Secrets
// and usersRevision stay; the database knows the passwords of the backup, for ever.
func (c *Cluster) InPlaceRestore(ctx context.Context, id string, backup map[string]string) error {
	return inOrder(ctx,
		func(ctx context.Context) error { return c.RequestInPlaceRestore(ctx, id) },
		c.BeginInPlaceRestore, c.ReadyForInPlaceRestore, c.FinishRestoreJob,
		func(ctx context.Context) error { return c.RestoreVerifiers(ctx, backup) },
		func(ctx context.Context) error { return c.Up(ctx, "") })
}

// Rotate gives the user a new password: Secret first, SQL after.
func (c *Cluster) Rotate(ctx context.Context, user string) error {
	return inOrder(ctx,
		func(ctx context.Context) error {
			return c.EditSecret(ctx, user, func(data map[string][]byte) {
				password := c.operator.NewPassword(user)
				data["password"], data["verifier"] = []byte(password), []byte(scramVerifier(password))
			})
		},
		c.WriteSecrets, c.ApplyUsers, c.reportUsers)
}

// React does what PGO does when a user's Secret was changed by hand: what is empty
// is made anew, and the role is applied. It reports whether there was something to do.
func (c *Cluster) React(ctx context.Context, user string) (bool, error) {
	secret, err := c.Secret(ctx, user)
	if err != nil {
		return false, err
	}
	if len(secret.Data["password"]) > 0 && len(secret.Data["verifier"]) > 0 {
		return false, nil
	}
	return true, inOrder(ctx, c.WriteSecrets, c.ApplyUsers, c.reportUsers)
}

// reportUsers reports that the users' present verifiers are applied.
func (c *Cluster) reportUsers(ctx context.Context) error {
	revision := ""
	for _, user := range c.Users {
		secret, err := c.Secret(ctx, user)
		if err != nil {
			return err
		}
		revision += secret.ResourceVersion + "."
	}
	return c.Up(ctx, "users-"+revision)
}

func inOrder(ctx context.Context, phases ...func(context.Context) error) error {
	for i, phase := range phases {
		if err := phase(ctx); err != nil {
			return fmt.Errorf("phase %d: %w", i+1, err)
		}
	}
	return nil
}
