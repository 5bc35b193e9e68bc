package talos

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	cosi "github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

var errNotAuthorized = status.Error(codes.PermissionDenied, "not authorized")

// rules say who may make the calls that are played. All others are for
// administrators.
var rules = map[string][]role.Role{
	// A reader may in maintenance alone, which the call itself looks at.
	"/machine.MachineService/ApplyConfiguration": {role.Admin, role.Reader},
	"/machine.MachineService/ServiceList":        {role.Admin, role.Operator, role.Reader},
	"/machine.MachineService/Version":            {role.Admin, role.Operator, role.Reader},
	"/cosi.resource.State/Get":                   {role.Admin, role.Operator, role.Reader},
	"/cosi.resource.State/List":                  {role.Admin, role.Operator, role.Reader},
	"/cosi.resource.State/Watch":                 {role.Admin, role.Operator, role.Reader},
}

type rolesKey struct{}

func rolesOf(ctx context.Context) role.Set {
	roles, _ := ctx.Value(rolesKey{}).(role.Set)
	return roles
}

// everybodyReads is maintenance: no certificate is looked at.
func everybodyReads(context.Context) role.Set { return role.MakeSet(role.Reader) }

// byCertificate takes a caller's roles from its certificate.
func byCertificate(ctx context.Context) role.Set {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			roles, _ := role.Parse(info.State.PeerCertificates[0].Subject.Organization)
			return roles
		}
	}
	return role.MakeSet()
}

// serveMaintenance opens the API to everybody. The function returned shuts it once
// calls that run have been answered.
func (l *life) serveMaintenance() (stop func()) {
	config, err := l.maintenanceTLS()
	if err != nil {
		return func() {}
	}
	return l.listen(constants.ApidPort, config, l.register, l.interceptors(everybodyReads)...)
}

// serveConfigured opens the API to the cluster's administrators, for as long as the
// machine lives. When a reboot is asked for, the call that asked is answered first.
func (l *life) serveConfigured() {
	config, err := l.configuredTLS(l.configs.get())
	if err != nil {
		return
	}
	l.services.up("apid", true)
	stop := l.listen(constants.ApidPort, config, l.register, l.interceptors(byCertificate)...)
	select {
	case <-l.ctx.Done():
		stop()
	case <-l.shutdown:
		stop()
		go l.machine.restart(l)
	}
}

// register registers the services that are played.
func (l *life) register(s *grpc.Server) {
	machineapi.RegisterMachineServiceServer(s, &api{life: l})
	cosi.RegisterStateServer(s, server.NewState(state.Filter(l.resources, access(l.resources))))
}

// listen serves on a port of the machine's address until it is stopped, or the
// machine dies: then connections just break.
func (l *life) listen(port int, config *tls.Config, register func(*grpc.Server), options ...grpc.ServerOption) (stop func()) {
	listener, err := l.openPort(port)
	if err != nil {
		return func() {}
	}
	s := grpc.NewServer(append(options, grpc.Creds(credentials.NewTLS(config)), grpc.MaxRecvMsgSize(constants.GRPCMaxMessageSize))...)
	register(s)
	context.AfterFunc(l.ctx, s.Stop)
	l.do(func() { _ = s.Serve(deafListener{Listener: listener, life: l}) })
	return sync.OnceFunc(func() {
		forced := time.AfterFunc(2*time.Second, s.Stop)
		defer forced.Stop()
		s.GracefulStop()
	})
}

// openPort waits for the port, which a former life of the machine may still be
// leaving.
func (l *life) openPort(port int) (net.Listener, error) {
	for {
		listener, err := (&net.ListenConfig{}).Listen(l.ctx, "tcp", net.JoinHostPort(l.machine.options.Address.String(), strconv.Itoa(port)))
		if err == nil {
			return listener, nil
		}
		if !l.pause(patience) {
			return nil, err
		}
	}
}

// admit notes a call and says who makes it, if that one may.
func (l *life) admit(ctx context.Context, method string, roles func(context.Context) role.Set) (context.Context, error) {
	l.machine.mu.Lock()
	l.machine.calls = append(l.machine.calls, method)
	l.machine.mu.Unlock()
	l.machine.hanging(ctx)
	have := roles(ctx)
	allowed, known := rules[method]
	if !known {
		allowed = []role.Role{role.Admin}
	}
	if !slices.ContainsFunc(allowed, have.Includes) {
		return nil, errNotAuthorized
	}
	return context.WithValue(ctx, rolesKey{}, have), nil
}

func (l *life) interceptors(roles func(context.Context) role.Set) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			ctx, err := l.admit(ctx, info.FullMethod, roles)
			if err != nil {
				return nil, err
			}
			return handle(ctx, request)
		}),
		grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			ctx, err := l.admit(stream.Context(), info.FullMethod, roles)
			if err != nil {
				return err
			}
			return handle(server, admitted{ServerStream: stream, ctx: ctx})
		}),
	}
}

// admitted is a stream whose context knows its caller's roles.
type admitted struct {
	grpc.ServerStream
	ctx context.Context
}

func (a admitted) Context() context.Context { return a.ctx }
