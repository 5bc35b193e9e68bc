// Package v20170312 stands in for a cloud's SDK that is not always to be had: it has
// what Flannel's backend for that cloud compiles against, and refuses to work.
package v20170312

import "errors"

// ErrStub is what every call returns.
var ErrStub = errors.New("this build of Flannel has no backend for this cloud")

// Client refuses every request.
type Client struct{}

// NewClientWithSecretId returns a client that refuses every request.
func NewClientWithSecretId(_, _, _ string) (*Client, error) { return &Client{}, nil }

// Filter of a request.
type Filter struct {
	Name   *string
	Values []*string
}

// Route of a table.
type Route struct {
	RouteId              *uint64
	DestinationCidrBlock *string
	RouteType            *string
	GatewayType          *string
	GatewayId            *string
	Enabled              *bool
}

// RouteTable holds routes.
type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

// DescribeRouteTablesRequest asks for tables.
type DescribeRouteTablesRequest struct{ Filters []*Filter }

// NewDescribeRouteTablesRequest returns an empty request.
func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest {
	return &DescribeRouteTablesRequest{}
}

// DescribeRouteTablesResponse is never returned.
type DescribeRouteTablesResponse struct {
	Response *struct{ RouteTableSet []*RouteTable }
}

// DescribeRouteTables refuses.
func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, ErrStub
}

// RoutesRequest names routes of a table.
type RoutesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

// NewDeleteRoutesRequest returns an empty request.
func NewDeleteRoutesRequest() *RoutesRequest { return &RoutesRequest{} }

// NewCreateRoutesRequest returns an empty request.
func NewCreateRoutesRequest() *RoutesRequest { return &RoutesRequest{} }

// DeleteRoutes refuses.
func (*Client) DeleteRoutes(*RoutesRequest) (*struct{}, error) { return nil, ErrStub }

// CreateRoutes refuses.
func (*Client) CreateRoutes(*RoutesRequest) (*struct{}, error) { return nil, ErrStub }
