// Calls of gRPC by the thousand, and a server that says what it saw of them. Its service is grpc-go's interop TestService.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type server struct {
	testgrpc.TestServiceServer
	cancelled atomic.Int64 // when the last held call was, in Unix nanoseconds
}

// Says how much time the call has left, and when the last held call was cancelled.
func (s *server) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	left := int64(-1)
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline).Milliseconds()
	}
	grpc.SetHeader(ctx, metadata.Pairs("left-ms", fmt.Sprint(left), "cancelled", fmt.Sprint(s.cancelled.Load())))
	return s.TestServiceServer.UnaryCall(ctx, in)
}

// With `hold` in its metadata the call lasts until it is cancelled.
func (s *server) FullDuplexCall(stream testgrpc.TestService_FullDuplexCallServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	if len(md.Get("hold")) == 0 {
		return s.TestServiceServer.FullDuplexCall(stream)
	}
	stream.SendHeader(metadata.MD{})
	<-stream.Context().Done()
	s.cancelled.Store(time.Now().UnixNano())
	return stream.Context().Err()
}

func serve(listen string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	os.Stdout.Sync()
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, &server{TestServiceServer: interop.NewTestServer()})
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		s.GracefulStop()
	}()
	return s.Serve(listener)
}

func check(err error, what string) {
	if err != nil {
		fmt.Println(what+":", err)
		os.Exit(1)
	}
}

// n calls, c at once: how many failed, by code.
func unary(client testgrpc.TestServiceClient, n, c int) {
	failed := map[string]int{}
	var mu sync.Mutex
	var next atomic.Int64
	var all sync.WaitGroup
	for range c {
		all.Add(1)
		go func() {
			defer all.Done()
			for next.Add(1) <= int64(n) {
				ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
				_, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseSize: 100, Payload: interop.ClientNewPayload(testgrpc.PayloadType_COMPRESSABLE, 100)})
				stop()
				if err != nil {
					mu.Lock()
					failed[status.Code(err).String()+" "+status.Convert(err).Message()]++
					mu.Unlock()
				}
			}
		}()
	}
	all.Wait()
	fmt.Printf("calls %d failed %v\n", n, failed)
	if len(failed) > 0 {
		os.Exit(1)
	}
}

// One request, the client's direction closed, then n replies in order.
func replies(client testgrpc.TestServiceClient, n int) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	stream, err := client.FullDuplexCall(ctx)
	check(err, "call")
	request := &testgrpc.StreamingOutputCallRequest{}
	for i := range n {
		request.ResponseParameters = append(request.ResponseParameters, &testgrpc.ResponseParameters{Size: int32(i % 251)})
	}
	check(stream.Send(request), "send")
	check(stream.CloseSend(), "half close")
	for i := range n {
		reply, err := stream.Recv()
		check(err, fmt.Sprintf("reply %d", i))
		if got := len(reply.GetPayload().GetBody()); got != i%251 {
			fmt.Printf("reply %d has %d bytes\n", i, got)
			os.Exit(1)
		}
	}
	if reply, err := stream.Recv(); err == nil {
		fmt.Println("one reply too many:", len(reply.GetPayload().GetBody()))
		os.Exit(1)
	}
	fmt.Printf("replies %d\n", n)
}

func header(client testgrpc.TestServiceClient, name string, timeout time.Duration) int64 {
	ctx, stop := context.WithTimeout(context.Background(), timeout)
	defer stop()
	var said metadata.MD
	_, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{}, grpc.Header(&said))
	check(err, "unary")
	value, err := strconv.ParseInt(strings.Join(said.Get(name), ""), 10, 64)
	check(err, name)
	return value
}

// How long a cancel takes to reach the server: both read the same clock.
func cancel(client testgrpc.TestServiceClient, n int) {
	var took []time.Duration
	for range n {
		before := header(client, "cancelled", time.Second)
		ctx, stop := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), "hold", "1"))
		stream, err := client.FullDuplexCall(ctx)
		check(err, "call")
		_, err = stream.Header()
		check(err, "head")
		at := time.Now().UnixNano()
		stop()
		seen := before
		for seen == before {
			seen = header(client, "cancelled", time.Second)
		}
		took = append(took, time.Duration(seen-at))
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	fmt.Printf("cancels %d median_us %d max_us %d\n", n, took[n/2].Microseconds(), took[n-1].Microseconds())
}

// Messages both ways on one stream, `rate` a second.
func messages(client testgrpc.TestServiceClient, seconds, rate int) {
	stream, err := client.FullDuplexCall(context.Background())
	check(err, "call")
	request := &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{{Size: 100}},
		Payload: interop.ClientNewPayload(testgrpc.PayloadType_COMPRESSABLE, 100)}
	total := seconds * rate
	go func() {
		start := time.Now()
		for i := range total {
			if ahead := time.Duration(i)*time.Second/time.Duration(rate) - time.Since(start); ahead > time.Millisecond {
				time.Sleep(ahead)
			}
			if stream.Send(request) != nil {
				return
			}
		}
		stream.CloseSend()
	}()
	start := time.Now()
	for i := range total {
		_, err := stream.Recv()
		check(err, fmt.Sprintf("message %d", i))
	}
	fmt.Printf("messages %d rate %.0f\n", total, float64(total)/time.Since(start).Seconds())
}

func main() {
	what := os.Args[1]
	flags := flag.NewFlagSet(what, flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "serve: address")
	target := flags.String("target", "", "address of the server")
	n := flags.Int("n", 1000, "how many")
	c := flags.Int("c", 10, "at once")
	seconds := flags.Int("seconds", 10, "messages: for so long")
	rate := flags.Int("rate", 10000, "messages: a second")
	flags.Parse(os.Args[2:])
	if what == "serve" {
		check(serve(*listen), "serve")
		return
	}
	connection, err := grpc.NewClient("passthrough:///"+*target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err, "connect")
	client := testgrpc.NewTestServiceClient(connection)
	switch what {
	case "unary":
		unary(client, *n, *c)
	case "replies":
		replies(client, *n)
	case "cancel":
		cancel(client, *n)
	case "deadline":
		fmt.Printf("left_ms %d\n", header(client, "left-ms", 5*time.Second))
	case "messages":
		messages(client, *seconds, *rate)
	default:
		fmt.Println("serve, unary, replies, cancel, deadline or messages")
		os.Exit(2)
	}
}
