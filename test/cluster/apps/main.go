// The Go programs of the cluster proof: a net/http server, and a client that keeps asking and remembers every failure.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: app serve|load|peer [flags]")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2:])
	case "load":
		load(os.Args[2:])
	case "peer":
		peer(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "unknown program:", os.Args[1])
		os.Exit(2)
	}
}

// serve answers who it is and who asked. SIGTERM: it finishes what it has begun, as a well-behaved server does.
func serve(args []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	addr := flags.String("addr", ":8080", "where to listen")
	delay := flags.Duration("delay", 0, "how long each answer takes")
	logRequests := flags.Bool("log", false, "write a line when a request starts and when it ends")
	_ = flags.Parse(args)
	note := func(word string, request *http.Request) {
		if *logRequests {
			fmt.Printf("%s %s\n", word, request.Header.Get("X-Request-Id"))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		note("start", r)
		time.Sleep(*delay)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"pod": os.Getenv("POD_NAME"), "version": os.Getenv("VERSION"), "peer": r.RemoteAddr,
			"host": r.Host, "headers": r.Header,
		})
		note("end", r)
	})
	server := &http.Server{Addr: *addr, Handler: mux}
	stopped := make(chan struct{})
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		<-signals
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		close(stopped)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-stopped
}

// peer is a plain TCP server that tells each client its address, and ends the connection.
func peer(args []string) {
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	addr := flags.String("addr", ":9999", "where to listen")
	_ = flags.Parse(args)
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintf(conn, "%s\n", conn.RemoteAddr())
		_ = conn.Close()
	}
}

// A failure is a request without an answer, or with one other than 200. Times are milliseconds of the Unix clock.
type failure struct {
	ID      string `json:"id"`
	Started int64  `json:"started"`
	Ended   int64  `json:"ended"`
	Problem string `json:"problem"`
}

// load keeps `workers` requests going. It never asks again for a failed one, and neither does Go's client for a POST.
// GET on the control address reports.
func load(args []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	url := flags.String("url", "", "what to ask")
	workers := flags.Int("workers", 8, "requests at a time")
	pause := flags.Duration("pause", 0, "between a worker's requests")
	control := flags.String("control", "127.0.0.1:9000", "where to report")
	fresh := flags.Bool("fresh", false, "a connection for each request")
	number := flags.Bool("number", false, "end the URL with the request's id")
	_ = flags.Parse(args)
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: *workers, DisableKeepAlives: *fresh},
	}
	var (
		sent, answered atomic.Int64
		mutex          sync.Mutex
		failures       = []failure{}
		pods           = map[string]int{}
		versions       = map[string]int{}
		last           int64
	)
	ask := func(id string) {
		started := time.Now().UnixMilli()
		sent.Add(1)
		var answer struct{ Pod, Version string }
		problem := func() string {
			target := *url
			if *number {
				target += id
			}
			request, err := http.NewRequest(http.MethodPost, target, nil)
			if err != nil {
				return err.Error()
			}
			request.Header.Set("X-Request-Id", id)
			response, err := client.Do(request)
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err.Error()
			}
			if response.StatusCode != http.StatusOK {
				return fmt.Sprintf("%s %v %s", response.Status, response.Header, body)
			}
			if err := json.Unmarshal(body, &answer); err != nil {
				return fmt.Sprintf("%v: %q", err, body)
			}
			return ""
		}()
		ended := time.Now().UnixMilli()
		mutex.Lock()
		defer mutex.Unlock()
		if problem != "" {
			failures = append(failures, failure{id, started, ended, problem})
			return
		}
		answered.Add(1)
		pods[answer.Pod]++
		versions[answer.Version]++
		last = ended
	}
	for worker := range *workers {
		go func() {
			for number := 0; ; number++ {
				ask(fmt.Sprintf("%d-%d", worker, number))
				time.Sleep(*pause)
			}
		}()
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"sent": sent.Load(), "answered": answered.Load(), "failures": failures, "pods": pods,
			"versions": versions, "lastAnswer": last, "now": time.Now().UnixMilli(),
		})
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(*control, nil))
	os.Exit(1)
}
