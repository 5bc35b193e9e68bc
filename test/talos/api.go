package talos

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// api is the part of Talos' machine API that is played.
type api struct {
	machineapi.UnimplementedMachineServiceServer
	life *life

	applying sync.Mutex
}

// cloud is the mode of a machine that boots a disk image of platform nocloud.
type cloud struct{}

func (cloud) String() string        { return "cloud" }
func (cloud) RequiresInstall() bool { return false }
func (cloud) InContainer() bool     { return false }

// Version implements machine.MachineServiceServer.
func (a *api) Version(context.Context, *emptypb.Empty) (*machineapi.VersionResponse, error) {
	return &machineapi.VersionResponse{Messages: []*machineapi.Version{{
		Version:  &machineapi.VersionInfo{Tag: a.life.machine.options.Version},
		Platform: &machineapi.PlatformInfo{Name: "nocloud", Mode: cloud{}.String()},
	}}}, nil
}

// ServiceList implements machine.MachineServiceServer.
func (a *api) ServiceList(context.Context, *emptypb.Empty) (*machineapi.ServiceListResponse, error) {
	return &machineapi.ServiceListResponse{Messages: []*machineapi.ServiceList{{Services: a.life.services.list()}}}, nil
}

// ApplyConfiguration implements machine.MachineServiceServer.
func (a *api) ApplyConfiguration(ctx context.Context, in *machineapi.ApplyConfigurationRequest) (*machineapi.ApplyConfigurationResponse, error) {
	if !a.applying.TryLock() {
		return nil, status.Error(codes.FailedPrecondition, "another apply configuration is already in progress")
	}
	defer a.applying.Unlock()
	maintenance := !isComplete(a.life.configs.get())
	if !maintenance && !rolesOf(ctx).Includes(role.Admin) {
		return nil, errNotAuthorized
	}
	if in.GetDryRun() {
		return nil, status.Error(codes.Unimplemented, "this fake plays no dry run: its answer is a diff with secrets in it")
	}
	if in.GetMode() != machineapi.ApplyConfigurationRequest_TRY {
		a.life.configs.cancelRollback()
	}
	provider, warnings, err := a.read(ctx, in.GetData(), maintenance)
	if err != nil {
		return nil, err
	}
	mode, err := a.mode(in.GetMode(), provider, maintenance)
	if err != nil {
		return nil, err
	}
	if a.life.machine.diesAt(BeforeWrite) {
		return nil, a.die(ctx)
	}
	if err := a.apply(mode, in, provider); err != nil {
		return nil, err
	}
	if a.life.machine.diesAt(AfterWrite) {
		return nil, a.die(ctx)
	}
	return &machineapi.ApplyConfigurationResponse{Messages: []*machineapi.ApplyConfiguration{{Mode: mode, Warnings: warnings}}}, nil
}

// read loads and validates what was sent.
func (a *api) read(ctx context.Context, data []byte, maintenance bool) (talosconfig.Provider, []string, error) {
	provider, err := configloader.NewFromBytes(slices.Clone(data))
	if err != nil {
		return nil, nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if !maintenance && provider.RawV1Alpha1() == nil {
		return nil, nil, status.Error(codes.InvalidArgument, "the applied machine configuration doesn't contain v1alpha1 config, did you mean to patch the machine config instead?")
	}
	warnings, err := provider.Validate(cloud{})
	if err != nil {
		return nil, nil, status.Error(codes.InvalidArgument, err.Error())
	}
	more, err := provider.RuntimeValidate(ctx, a.life.resources, cloud{})
	if err != nil {
		return nil, nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return provider, append(warnings, more...), nil
}

// mode is the one that is carried out.
func (a *api) mode(asked machineapi.ApplyConfigurationRequest_Mode, provider talosconfig.Provider, maintenance bool) (machineapi.ApplyConfigurationRequest_Mode, error) {
	if maintenance && asked == machineapi.ApplyConfigurationRequest_REBOOT {
		asked = machineapi.ApplyConfigurationRequest_NO_REBOOT
	}
	atOnce := a.life.configs.appliesAtOnce(provider)
	switch asked {
	case machineapi.ApplyConfigurationRequest_TRY, machineapi.ApplyConfigurationRequest_NO_REBOOT:
		if atOnce != nil && !maintenance {
			return asked, status.Error(codes.InvalidArgument, atOnce.Error())
		}
	case machineapi.ApplyConfigurationRequest_AUTO:
		asked = machineapi.ApplyConfigurationRequest_NO_REBOOT
		if atOnce != nil && !maintenance {
			asked = machineapi.ApplyConfigurationRequest_REBOOT
		}
	}
	return asked, nil
}

func (a *api) apply(mode machineapi.ApplyConfigurationRequest_Mode, in *machineapi.ApplyConfigurationRequest, provider talosconfig.Provider) error {
	configs := a.life.configs
	switch mode {
	case machineapi.ApplyConfigurationRequest_TRY:
		timeout := constants.ConfigTryTimeout
		if in.GetTryModeTimeout() != nil {
			timeout = in.GetTryModeTimeout().AsDuration()
		}
		configs.rollbackAfter(timeout)
		configs.setActive(provider)
		return nil
	case machineapi.ApplyConfigurationRequest_NO_REBOOT:
		if err := configs.persist(provider); err != nil {
			return err
		}
		configs.setActive(provider)
		return nil
	case machineapi.ApplyConfigurationRequest_STAGED:
		return configs.persist(provider)
	case machineapi.ApplyConfigurationRequest_REBOOT:
		if err := configs.persist(provider); err != nil {
			return err
		}
		a.life.shutdownOnce.Do(func() { close(a.life.shutdown) })
		return nil
	default:
		return fmt.Errorf("incorrect mode '%s' specified for the apply config call", mode)
	}
}

// die loses the power: nobody hears the answer.
func (a *api) die(ctx context.Context) error {
	go a.life.machine.restart(a.life)
	<-ctx.Done()
	return ctx.Err()
}

// Bootstrap implements machine.MachineServiceServer.
func (a *api) Bootstrap(ctx context.Context, _ *machineapi.BootstrapRequest) (*machineapi.BootstrapResponse, error) {
	if !a.life.services.isUp("cri") {
		return nil, status.Error(codes.FailedPrecondition, "bootstrap is not available yet")
	}
	if err := a.controlPlaneOnly("bootstrap"); err != nil {
		return nil, err
	}
	if a.life.machine.etcdHasData() {
		return nil, status.Error(codes.AlreadyExists, "etcd data directory is not empty")
	}
	a.life.bootstrappedOnce.Do(func() { close(a.life.bootstrapped) })
	return &machineapi.BootstrapResponse{Messages: []*machineapi.Bootstrap{{}}}, nil
}

// Kubeconfig implements machine.MachineServiceServer.
func (a *api) Kubeconfig(_ *emptypb.Empty, stream machineapi.MachineService_KubeconfigServer) error {
	if err := a.controlPlaneOnly("kubeconfig"); err != nil {
		return err
	}
	if a.life.machine.options.Kubeconfig == nil {
		return status.Error(codes.Unimplemented, "this fake was given no kubeconfig")
	}
	kubeconfig, err := a.life.machine.options.Kubeconfig()
	if err != nil {
		return err
	}
	packed, err := pack(kubeconfig)
	if err != nil {
		return err
	}
	return stream.Send(&common.Data{Bytes: packed})
}

// pack makes the archive in which Talos sends files.
func pack(kubeconfig []byte) ([]byte, error) {
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(compressed)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "kubeconfig", Size: int64(len(kubeconfig)), ModTime: time.Now(), Mode: 0o600}
	if err := archive.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := archive.Write(kubeconfig); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func (a *api) controlPlaneOnly(call string) error {
	active := a.life.configs.get()
	if active == nil || active.Machine() == nil {
		return status.Errorf(codes.Unimplemented, "machine type is not set, cannot use %s API", call)
	}
	if active.Machine().Type() != machine.TypeControlPlane {
		return status.Errorf(codes.Unimplemented, "%s is only available on control plane nodes", call)
	}
	return nil
}
