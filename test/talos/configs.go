package talos

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
)

// configs are the active configuration, the one on the disk, and the one that a TRY
// will return to.
type configs struct {
	life *life

	mu       sync.Mutex
	active   talosconfig.Provider
	rollback *time.Timer
}

func (c *configs) get() talosconfig.Provider {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active
}

func (c *configs) activeBytes() ([]byte, error) {
	active := c.get()
	if active == nil {
		return nil, nil
	}
	return active.Bytes()
}

// load reads the configuration from the disk; nil if there is none.
func (c *configs) load() (talosconfig.Provider, error) {
	data, err := os.ReadFile(c.life.machine.configPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return configloader.NewFromBytes(data)
}

// persist writes config.yaml to STATE.
func (c *configs) persist(provider talosconfig.Provider) error {
	data, err := provider.Bytes()
	if err != nil {
		return err
	}
	path := c.life.machine.configPath()
	if err := os.WriteFile(path+"-tmp", data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+"-tmp", path); err != nil {
		return err
	}
	c.publish(provider, config.PersistentID)
	return nil
}

// setActive makes Talos run by the configuration.
func (c *configs) setActive(provider talosconfig.Provider) {
	c.mu.Lock()
	c.active = provider
	c.mu.Unlock()
	c.publish(provider, config.ActiveID)
	c.life.extension.configChanged()
	if isComplete(provider) {
		c.life.arrivedOnce.Do(func() { close(c.life.arrived) })
	}
}

func (c *configs) publish(provider talosconfig.Provider, id resource.ID) {
	r := config.NewMachineConfigWithID(provider, id)
	if provider == nil {
		_ = c.life.resources.Destroy(c.life.ctx, r.Metadata())
		return
	}
	old, err := c.life.resources.Get(c.life.ctx, r.Metadata())
	if state.IsNotFoundError(err) {
		_ = c.life.resources.Create(c.life.ctx, r)
		return
	}
	if err == nil {
		r.Metadata().SetVersion(old.Metadata().Version())
		_ = c.life.resources.Update(c.life.ctx, r)
	}
}

// rollbackAfter returns to what is active now, unless somebody applies a
// configuration before. A second TRY makes the first one's configuration the target.
func (c *configs) rollbackAfter(timeout time.Duration) {
	target := c.get()
	c.cancelRollback()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rollback = time.AfterFunc(timeout, func() {
		if c.life.ctx.Err() == nil {
			c.setActive(target)
		}
	})
}

func (c *configs) cancelRollback() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rollback != nil {
		c.rollback.Stop()
		c.rollback = nil
	}
}

// appliesAtOnce says whether a configuration can be taken without a reboot. The
// refusal holds a diff, with all that stands in it, as Talos' own does.
func (c *configs) appliesAtOnce(next talosconfig.Provider) error {
	active := c.get()
	switch {
	case active == nil:
		return errors.New("no current config")
	case active.RawV1Alpha1() == nil:
		return errors.New("current config is not v1alpha1")
	case next.RawV1Alpha1() == nil:
		return errors.New("new config is not v1alpha1")
	}
	have, want := active.RawV1Alpha1(), next.RawV1Alpha1().DeepCopy()
	ignoreImmediate(want, have)
	if reflect.DeepEqual(have, want) {
		return nil
	}
	return fmt.Errorf("this config change can't be applied in immediate mode\ndiff:\n%s", diff(have, want))
}

// diff is every line that one of them has and the other has not.
func diff(have, want *v1alpha1.Config) string {
	before, after := lines(have), lines(want)
	var differ []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			differ = append(differ, "-"+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			differ = append(differ, "+"+line)
		}
	}
	return strings.Join(differ, "\n")
}

func lines(config *v1alpha1.Config) []string {
	yaml, err := container.NewV1Alpha1(config).EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		return []string{err.Error()}
	}
	return strings.Split(string(yaml), "\n")
}

// immediate are the fields of machine that change without a reboot. All of cluster
// and debug do too, and of features those that immediateFeatures names.
var immediate = []string{
	"MachineCA", "MachineAcceptedCAs", "MachineTime", "MachineCertSANs", "MachineInstall", "MachineNetwork",
	"MachineSysfs", "MachineSysctls", "MachineLogging", "MachineControlPlane", "MachineKubelet", "MachineKernel",
	"MachineRegistries", "MachinePods", "MachineSeccompProfiles", "MachineNodeAnnotations", "MachineNodeLabels", "MachineNodeTaints",
}

var immediateFeatures = []string{
	"KubernetesTalosAPIAccessConfig", "KubePrismSupport", "HostDNSSupport", "ImageCacheSupport", "FeatureNodeAddressSortAlgorithm",
}

// ignoreImmediate takes what changes without a reboot from one to the other.
func ignoreImmediate(in, from *v1alpha1.Config) {
	in.ConfigDebug, in.ClusterConfig = from.ConfigDebug, from.ClusterConfig
	if in.MachineConfig == nil || from.MachineConfig == nil {
		return
	}
	copyFields(in.MachineConfig, from.MachineConfig, immediate)
	if in.MachineConfig.MachineFeatures != nil && from.MachineConfig.MachineFeatures != nil {
		copyFields(in.MachineConfig.MachineFeatures, from.MachineConfig.MachineFeatures, immediateFeatures)
	}
}

func copyFields(to, from any, names []string) {
	for _, name := range names {
		reflect.ValueOf(to).Elem().FieldByName(name).Set(reflect.ValueOf(from).Elem().FieldByName(name))
	}
}
