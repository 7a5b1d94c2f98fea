// Program proxyapi is a client of a control plane that knows nothing of ours: it speaks through the code that was generated from
// the protocol's public definitions. It reads one call a line and prints what it decodes, a line each:
//
//	-> {"id":"1","method":"Destination.Get","address":"127.0.0.1:8086","serverName":"...","request":{...}}
//	<- {"id":"1","message":{...},"unknown":["io.linkerd.proxy.destination.Update:1000"]}
//	<- {"id":"1","code":"NotFound","text":"..."}       the call is over; OK without a text
//	-> {"id":"1","cancel":true}
//
// Identity.Certify makes a key and a request for a certificate of its own; later calls show the certificate that came back.
package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/linkerd/linkerd2-proxy-api/go/destination"
	"github.com/linkerd/linkerd2-proxy-api/go/identity"
	"github.com/linkerd/linkerd2-proxy-api/go/inbound"
	"github.com/linkerd/linkerd2-proxy-api/go/outbound"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

type line struct {
	ID         string          `json:"id"`
	Method     string          `json:"method"`
	Address    string          `json:"address"`
	ServerName string          `json:"serverName"`
	Request    json.RawMessage `json:"request"`
	Cancel     bool            `json:"cancel"`
	// Of Identity.Certify.
	Identity string `json:"identity"`
	Token    string `json:"token"`
}

type answer struct {
	ID      string          `json:"id"`
	Message json.RawMessage `json:"message,omitempty"`
	// Fields that the generated code has no name for: full name of the message, and number.
	Unknown []string `json:"unknown,omitempty"`
	Code    string   `json:"code,omitempty"`
	Text    string   `json:"text,omitempty"`
}

type client struct {
	anchors *x509.CertPool

	mutex       sync.Mutex
	certificate *tls.Certificate
	cancels     map[string]context.CancelFunc
	output      *json.Encoder
}

// The one argument is a file of trust anchors, PEM.
func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	client := &client{
		anchors: x509.NewCertPool(),
		cancels: map[string]context.CancelFunc{},
		output:  json.NewEncoder(os.Stdout),
	}
	if !client.anchors.AppendCertsFromPEM(pem) {
		panic("no trust anchor in " + os.Args[1])
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var given line
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			panic(err)
		}
		if given.Cancel {
			client.cancel(given.ID)
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		client.mutex.Lock()
		client.cancels[given.ID] = cancel
		client.mutex.Unlock()
		go func() {
			err := client.call(ctx, given)
			client.cancel(given.ID)
			code := status.Code(err)
			text := ""
			if err != nil {
				text = status.Convert(err).Message()
			}
			client.print(answer{ID: given.ID, Code: code.String(), Text: text})
		}()
	}
}

func (c *client) cancel(id string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if cancel := c.cancels[id]; cancel != nil {
		cancel()
	}
	delete(c.cancels, id)
}

func (c *client) print(what answer) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.output.Encode(what); err != nil {
		panic(err)
	}
}

func (c *client) message(id string, message proto.Message) {
	text, err := protojson.Marshal(message)
	if err != nil {
		panic(err)
	}
	c.print(answer{ID: id, Message: text, Unknown: unknownFields(message.ProtoReflect(), nil)})
}

// A connection of its own for each call, over mesh TLS: HTTP/2 by prior knowledge, without ALPN.
func (c *client) dial(address, serverName string) (*grpc.ClientConn, error) {
	config := &tls.Config{RootCAs: c.anchors, ServerName: serverName, MinVersion: tls.VersionTLS13}
	c.mutex.Lock()
	if c.certificate != nil {
		config.Certificates = []tls.Certificate{*c.certificate}
	}
	c.mutex.Unlock()
	return grpc.NewClient("passthrough:///"+address,
		// gRPC's own TLS insists on ALPN.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
		}),
	)
}

func (c *client) call(ctx context.Context, given line) error {
	connection, err := c.dial(given.Address, given.ServerName)
	if err != nil {
		return err
	}
	defer connection.Close()
	switch given.Method {
	case "Destination.Get":
		return follow(c, ctx, given, &destination.GetDestination{}, destination.NewDestinationClient(connection).Get)
	case "Destination.GetProfile":
		return follow(c, ctx, given, &destination.GetDestination{}, destination.NewDestinationClient(connection).GetProfile)
	case "InboundServerPolicies.WatchPort":
		return follow(c, ctx, given, &inbound.PortSpec{}, inbound.NewInboundServerPoliciesClient(connection).WatchPort)
	case "InboundServerPolicies.GetPort":
		return ask(c, ctx, given, &inbound.PortSpec{}, inbound.NewInboundServerPoliciesClient(connection).GetPort)
	case "OutboundPolicies.Watch":
		return follow(c, ctx, given, &outbound.TrafficSpec{}, outbound.NewOutboundPoliciesClient(connection).Watch)
	case "OutboundPolicies.Get":
		return ask(c, ctx, given, &outbound.TrafficSpec{}, outbound.NewOutboundPoliciesClient(connection).Get)
	case "Identity.Certify":
		return c.certify(ctx, given, identity.NewIdentityClient(connection))
	}
	return fmt.Errorf("there is no method %q", given.Method)
}

// follow prints every message of a stream. Its end is no error, and is told as OK.
func follow[I, O any, IP interface {
	*I
	proto.Message
}](c *client, ctx context.Context, given line, request IP,
	method func(context.Context, IP, ...grpc.CallOption) (grpc.ServerStreamingClient[O], error)) error {
	if err := protojson.Unmarshal(given.Request, request); err != nil {
		return err
	}
	stream, err := method(ctx, request)
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.message(given.ID, any(message).(proto.Message))
	}
}

// ask prints the one answer of a call.
func ask[I, O any, IP interface {
	*I
	proto.Message
}](c *client, ctx context.Context, given line, request IP,
	method func(context.Context, IP, ...grpc.CallOption) (*O, error)) error {
	if err := protojson.Unmarshal(given.Request, request); err != nil {
		return err
	}
	message, err := method(ctx, request)
	if err != nil {
		return err
	}
	c.message(given.ID, any(message).(proto.Message))
	return nil
}

func (c *client) certify(ctx context.Context, given line, service identity.IdentityClient) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{given.Identity}}, key)
	if err != nil {
		return err
	}
	response, err := service.Certify(ctx, &identity.CertifyRequest{
		Identity:                  given.Identity,
		Token:                     []byte(given.Token),
		CertificateSigningRequest: request,
	})
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(response.LeafCertificate)
	if err != nil {
		return err
	}
	intermediates := x509.NewCertPool()
	chain := [][]byte{response.LeafCertificate}
	for _, der := range response.IntermediateCertificates {
		intermediate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		intermediates.AddCert(intermediate)
		chain = append(chain, der)
	}
	// As a server's and as a client's: a proxy is both.
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err = leaf.Verify(x509.VerifyOptions{
			DNSName:       given.Identity,
			Roots:         c.anchors,
			Intermediates: intermediates,
			KeyUsages:     []x509.ExtKeyUsage{usage},
		})
		if err != nil {
			return err
		}
	}
	if !response.ValidUntil.AsTime().Equal(leaf.NotAfter) {
		return fmt.Errorf("valid until %v, says the answer; the certificate says %v", response.ValidUntil.AsTime(), leaf.NotAfter)
	}
	c.mutex.Lock()
	c.certificate = &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
	c.mutex.Unlock()
	c.message(given.ID, response)
	return nil
}

// unknownFields lists what the generated code has no name for, in a message and in all messages inside it.
func unknownFields(message protoreflect.Message, found []string) []string {
	name := message.Descriptor().FullName()
	for rest := message.GetUnknown(); len(rest) > 0; {
		number, _, length := protowire.ConsumeField(rest)
		if length < 0 {
			panic(protowire.ParseError(length))
		}
		found = append(found, fmt.Sprintf("%s:%d", name, number))
		rest = rest[length:]
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, each protoreflect.Value) bool {
					found = unknownFields(each.Message(), found)
					return true
				})
			}
		case field.Message() == nil:
		case field.IsList():
			for index := 0; index < value.List().Len(); index++ {
				found = unknownFields(value.List().Get(index).Message(), found)
			}
		default:
			found = unknownFields(value.Message(), found)
		}
		return true
	})
	return found
}
