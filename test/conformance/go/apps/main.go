// Command apps is an HTTP server and an HTTP client on Go's net/http, for the conformance suite.
//
//	apps server HOST:PORT     HTTP/1 and HTTP/2 without TLS; prints "listening" when it is
//	apps client URL           runs its cases against such a server, prints one line a case; exit 1 when one failed
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fail(errors.New("usage: apps server HOST:PORT | apps client URL"))
	}
	switch os.Args[1] {
	case "server":
		fail(serve(os.Args[2]))
	case "client":
		if !runCases(os.Args[2]) {
			os.Exit(1)
		}
	default:
		fail(errors.New("unknown role " + os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The server.

func serve(address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-proto", r.Proto)
		w.Header().Set("x-client-id", r.Header.Get("l5d-client-id"))
		io.WriteString(w, "hello from net/http\n")
	})
	mux.HandleFunc("/bytes", func(w http.ResponseWriter, r *http.Request) {
		count, _ := strconv.Atoi(r.URL.Query().Get("n"))
		if r.URL.Query().Get("chunked") == "" {
			w.Header().Set("content-length", strconv.Itoa(count))
		}
		io.Copy(w, io.LimitReader(rand.New(rand.NewSource(1)), int64(count)))
	})
	// The digest of what came, and its trailers, in a trailer too.
	mux.HandleFunc("/digest", func(w http.ResponseWriter, r *http.Request) {
		hash := sha256.New()
		count, err := io.Copy(hash, r.Body)
		if err != nil {
			return
		}
		w.Header().Set("trailer", "x-digest")
		w.Header().Set("x-request-trailer", r.Trailer.Get("x-sent"))
		w.Header().Set("x-length", strconv.FormatInt(r.ContentLength, 10))
		fmt.Fprintf(w, "%d\n", count)
		w.(http.Flusher).Flush()
		w.Header().Set("x-digest", hex.EncodeToString(hash.Sum(nil)))
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		buffer := make([]byte, 32<<10)
		for {
			count, err := r.Body.Read(buffer)
			w.Write(buffer[:count])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/not-modified", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("etag", `"v1"`)
		if r.Header.Get("if-none-match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "new")
	})
	mux.HandleFunc("/no-content", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("/early-hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "after the hint")
	})
	// Refuses before it has read: a client that expects 100-continue keeps its body.
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusExpectationFailed)
	})
	mux.HandleFunc("/die", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-length", "100000")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
		io.Copy(conn, buffered)
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	return server.Serve(listener)
}

// The client.

type testCase struct {
	name string
	run  func(client *http.Client, base string) error
}

func runCases(base string) bool {
	isGood := true
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(version == "HTTP/1.1")
		protocols.SetUnencryptedHTTP2(version == "HTTP/2.0")
		transport := &http.Transport{Protocols: protocols, ExpectContinueTimeout: time.Minute}
		client := &http.Client{Transport: transport, Timeout: time.Minute}
		for _, each := range cases(version) {
			if err := each.run(client, base); err != nil {
				isGood = false
				fmt.Printf("not ok %s %s: %v\n", version, each.name, err)
			} else {
				fmt.Printf("ok %s %s\n", version, each.name)
			}
		}
		transport.CloseIdleConnections()
	}
	return isGood
}

func cases(version string) []testCase {
	list := []testCase{
		{"hello", func(client *http.Client, base string) error {
			response, body, err := ask(client, "GET", base+"/hello", nil)
			return first(err, want("status", response.StatusCode, 200), want("body", body, "hello from net/http\n"),
				want("client's protocol", response.Proto, version), want("server's protocol", response.Header.Get("x-proto"), version))
		}},
		{"HEAD has the length and no body", func(client *http.Client, base string) error {
			response, body, err := ask(client, "HEAD", base+"/bytes?n=12345", nil)
			return first(err, want("length", response.ContentLength, int64(12345)), want("body", body, ""))
		}},
		{"204 and 304 have no body", func(client *http.Client, base string) error {
			response, _, err := ask(client, "GET", base+"/no-content", nil)
			if err := first(err, want("status", response.StatusCode, 204)); err != nil {
				return err
			}
			request, _ := http.NewRequest("GET", base+"/not-modified", nil)
			request.Header.Set("if-none-match", `"v1"`)
			response, err = client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			return first(want("status", response.StatusCode, 304), want("etag", response.Header.Get("etag"), `"v1"`))
		}},
		{"16 MB down, with a length and chunked", func(client *http.Client, base string) error {
			const count = 16 << 20
			hash := sha256.New()
			io.Copy(hash, io.LimitReader(rand.New(rand.NewSource(1)), count))
			wanted := hex.EncodeToString(hash.Sum(nil))
			for _, query := range []string{"", "&chunked=1"} {
				response, err := client.Get(base + "/bytes?n=" + strconv.Itoa(count) + query)
				if err != nil {
					return err
				}
				hash := sha256.New()
				_, err = io.Copy(hash, response.Body)
				response.Body.Close()
				if err := first(err, want("digest", hex.EncodeToString(hash.Sum(nil)), wanted)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"16 MB up, with a length", func(client *http.Client, base string) error {
			body := make([]byte, 16<<20)
			rand.New(rand.NewSource(2)).Read(body)
			sum := sha256.Sum256(body)
			response, text, err := ask(client, "POST", base+"/digest", bytes.NewReader(body))
			return first(err, want("count", text, strconv.Itoa(len(body))+"\n"),
				want("length", response.Header.Get("x-length"), strconv.Itoa(len(body))),
				want("digest", response.Trailer.Get("x-digest"), hex.EncodeToString(sum[:])))
		}},
		{"chunked up, with trailers both ways", func(client *http.Client, base string) error {
			body := []byte(strings.Repeat("chunk ", 50_000))
			sum := sha256.Sum256(body)
			request, _ := http.NewRequest("POST", base+"/digest", io.MultiReader(bytes.NewReader(body)))
			request.Trailer = http.Header{"X-Sent": nil}
			request.Trailer.Set("x-sent", "yes")
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			_, err = io.ReadAll(response.Body)
			return first(err, want("request's trailer", response.Header.Get("x-request-trailer"), "yes"),
				want("length", response.Header.Get("x-length"), "-1"),
				want("digest", response.Trailer.Get("x-digest"), hex.EncodeToString(sum[:])))
		}},
		{"100-continue: the body waits for the server", func(client *http.Client, base string) error {
			body := strings.Repeat("x", 1000)
			request, _ := http.NewRequest("POST", base+"/digest", strings.NewReader(body))
			request.Header.Set("expect", "100-continue")
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			return first(err, want("status", response.StatusCode, 200), want("count", string(text), "1000\n"))
		}},
		{"expectation refused: the body is never sent", func(client *http.Client, base string) error {
			sent := &counting{Reader: strings.NewReader(strings.Repeat("x", 1000))}
			request, _ := http.NewRequest("POST", base+"/refuse", sent)
			request.ContentLength = 1000
			request.Header.Set("expect", "100-continue")
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			response.Body.Close()
			return first(want("status", response.StatusCode, 417), want("bytes sent", sent.count, 0))
		}},
		{"an aborted body is an error, not an end", func(client *http.Client, base string) error {
			response, err := client.Get(base + "/die")
			if err != nil {
				return err
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err == nil {
				return fmt.Errorf("read %d bytes without an error", len(text))
			}
			return want("status", response.StatusCode, 200)
		}},
		{"100 requests at once", func(client *http.Client, base string) error {
			var group sync.WaitGroup
			errs := make(chan error, 100)
			for index := range 100 {
				group.Add(1)
				go func() {
					defer group.Done()
					text := strings.Repeat(strconv.Itoa(index), 5000)
					sum := sha256.Sum256([]byte(text))
					response, _, err := ask(client, "POST", base+"/digest", strings.NewReader(text))
					if err == nil {
						err = want("digest", response.Trailer.Get("x-digest"), hex.EncodeToString(sum[:]))
					}
					if err != nil {
						errs <- err
					}
				}()
			}
			group.Wait()
			close(errs)
			return <-errs
		}},
		{"a cancelled request does not harm the next", func(client *http.Client, base string) error {
			ctx, cancel := context.WithCancel(context.Background())
			request, _ := http.NewRequestWithContext(ctx, "GET", base+"/bytes?n=100000000", nil)
			response, err := client.Do(request)
			if err != nil {
				cancel()
				return err
			}
			io.ReadFull(response.Body, make([]byte, 100_000))
			cancel()
			response.Body.Close()
			_, body, err := ask(client, "GET", base+"/hello", nil)
			return first(err, want("body", body, "hello from net/http\n"))
		}},
	}
	if version == "HTTP/1.1" {
		return append(list, testCase{"upgrade: bytes both ways", upgrade})
	}
	return append(list, testCase{"full duplex: each part is echoed before the next is sent", duplex})
}

func upgrade(_ *http.Client, base string) error {
	target, err := url.Parse(base)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /upgrade HTTP/1.1\r\nhost: %s\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n", target.Host)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	if err := want("status", response.StatusCode, 101); err != nil {
		return err
	}
	for index := range 100 {
		line := strconv.Itoa(index) + "\n"
		io.WriteString(conn, line)
		heard, err := reader.ReadString('\n')
		if err := first(err, want("echo", heard, line)); err != nil {
			return err
		}
	}
	return nil
}

func duplex(client *http.Client, base string) error {
	reader, writer := io.Pipe()
	request, _ := http.NewRequest("POST", base+"/echo", reader)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	heard := bufio.NewReader(response.Body)
	for index := range 100 {
		line := strconv.Itoa(index) + "\n"
		io.WriteString(writer, line)
		text, err := heard.ReadString('\n')
		if err := first(err, want("echo", text, line)); err != nil {
			return err
		}
	}
	writer.Close()
	rest, err := io.ReadAll(heard)
	return first(err, want("rest", string(rest), ""))
}

func ask(client *http.Client, method, target string, body io.Reader) (*http.Response, string, error) {
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		return &http.Response{}, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return &http.Response{}, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}

type counting struct {
	io.Reader
	count int
}

func (c *counting) Read(into []byte) (int, error) {
	count, err := c.Reader.Read(into)
	c.count += count
	return count, err
}

func want[T comparable](what string, got, wanted T) error {
	if got != wanted {
		return fmt.Errorf("%s is %v, not %v", what, got, wanted)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
