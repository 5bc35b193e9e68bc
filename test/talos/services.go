package talos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cosi-project/runtime/pkg/safe"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"
)

// service is one of Talos' own.
type service struct {
	state   string // as ServiceList shows it
	up      bool
	checked bool // has a health check
}

// services are what Talos runs, and the stage that they have brought it to.
type services struct {
	life *life

	mu      sync.Mutex
	running map[string]service
	role    machine.Type
	stage   runtime.MachineStage
	pods    bool // the Kubernetes control plane's static pods are ready
}

// configured begins Talos' boot in a role. The extension is a service that the boot
// waits for, if the image has it.
func (s *services) configured(role machine.Type) {
	s.mu.Lock()
	s.role = role
	s.running["containerd"] = service{state: "Running", up: true, checked: true}
	s.running["machined"] = service{state: "Running", up: true, checked: true}
	s.running["cri"] = service{state: "Starting"}
	s.running["kubelet"] = service{state: "Waiting"}
	if role == machine.TypeControlPlane {
		s.running[etcd] = service{state: "Waiting"}
	}
	if s.life.machine.options.Extension != nil {
		s.running[extensionService] = service{state: "Waiting"}
	}
	s.mu.Unlock()
	s.setStage(runtime.MachineStageBooting)
}

// up says that a service runs, and is healthy if it has a health check.
func (s *services) up(name string, checked bool) {
	s.set(name, service{state: "Running", up: true, checked: checked})
}

// down says why a service doesn't run.
func (s *services) down(name, state string) { s.set(name, service{state: state}) }

func (s *services) set(name string, to service) {
	s.mu.Lock()
	s.running[name] = to
	s.mu.Unlock()
	s.publish()
}

func (s *services) isUp(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[name].up
}

func (s *services) setStage(stage runtime.MachineStage) {
	s.mu.Lock()
	s.stage = stage
	s.mu.Unlock()
	s.publish()
}

func (s *services) staticPodsReady() {
	s.mu.Lock()
	s.pods = true
	s.mu.Unlock()
	s.publish()
}

// publish shows services and status. The boot has ended once every service has been
// up; it never begins again.
func (s *services) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, resources := s.life.ctx, s.life.resources
	all := true
	for name, of := range s.running {
		all = all && of.up
		if !of.up {
			_ = resources.Destroy(ctx, v1alpha1.NewService(name).Metadata())
			continue
		}
		_ = safe.StateModify(ctx, resources, v1alpha1.NewService(name), func(r *v1alpha1.Service) error {
			*r.TypedSpec() = v1alpha1.ServiceSpec{Running: true, Healthy: of.checked, Unknown: !of.checked}
			return nil
		})
	}
	if s.stage == runtime.MachineStageBooting && all {
		s.stage = runtime.MachineStageRunning
	}
	unmet := s.unmet()
	_ = safe.StateModify(ctx, resources, runtime.NewMachineStatus(), func(r *runtime.MachineStatus) error {
		r.TypedSpec().Stage = s.stage
		r.TypedSpec().Status = runtime.MachineStatusStatus{Ready: len(unmet) == 0, UnmetConditions: unmet}
		return nil
	})
}

// unmet are Talos' own readiness checks that fail.
func (s *services) unmet() []runtime.UnmetCondition {
	if s.stage != runtime.MachineStageBooting && s.stage != runtime.MachineStageRunning {
		return nil
	}
	required := []string{"kubelet"}
	if s.role == machine.TypeControlPlane {
		required = append(required, etcd)
	}
	var unmet []runtime.UnmetCondition
	var problems []string
	for _, name := range required {
		if !s.running[name].up {
			problems = append(problems, name+" not running")
		}
	}
	if len(problems) > 0 {
		unmet = append(unmet, runtime.UnmetCondition{Name: "services", Reason: strings.Join(problems, ", ")})
	}
	node := s.life.machine.options.Name
	if s.role == machine.TypeControlPlane && !s.pods {
		unmet = append(unmet, runtime.UnmetCondition{Name: "staticPods", Reason: fmt.Sprintf("kube-system/kube-apiserver-%s not ready", node)})
	}
	return append(unmet, runtime.UnmetCondition{Name: "nodeReady", Reason: fmt.Sprintf("node %q is not ready", node)})
}

// list is the answer of ServiceList.
func (s *services) list() []*machineapi.ServiceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*machineapi.ServiceInfo
	for _, name := range slices.Sorted(maps.Keys(s.running)) {
		of := s.running[name]
		list = append(list, &machineapi.ServiceInfo{
			Id: name, State: of.state,
			Health: &machineapi.ServiceHealth{Unknown: !of.checked, Healthy: of.up && of.checked},
		})
	}
	return list
}
