package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"strconv"
	"strings"
)

// bytesCommand moves bodies of many sizes down and up, by length and chunked, and compares hashes.
func bytesCommand(args []string) error {
	flags := flag.NewFlagSet("bytes", flag.ExitOnError)
	url := flags.String("url", "", "base URL of a peer serve, through the mesh")
	sizes := flags.String("sizes", "0,1,1023,1024,65535,65536,65537,1048576,16777216", "bytes, comma separated")
	moves := flags.String("moves", "down-length,up-length,down-chunked,up-chunked", "which of these, comma separated")
	trailers := flags.Bool("trailers", true, "chunked answers carry their hash in the trailer x-sum")
	proxy := flags.String("proxy", "", "host:port of an HTTP proxy")
	flags.Parse(args)
	client := &http.Client{Transport: &http.Transport{}}
	if *proxy != "" {
		client.Transport = &http.Transport{Proxy: http.ProxyURL(&neturl.URL{Scheme: "http", Host: *proxy})}
	}
	for _, text := range strings.Split(*sizes, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		want := sha256.New()
		io.CopyBuffer(want, io.LimitReader(&pattern{}, n), make([]byte, 1<<16))
		sum := fmt.Sprintf("%x", want.Sum(nil))
		for _, move := range strings.Split(*moves, ",") {
			way, coding, _ := strings.Cut(move, "-")
			if way == "down" {
				err = download(client, *url, n, coding == "chunked", sum, *trailers)
			} else {
				err = upload(client, *url, n, coding == "chunked", sum)
			}
			if err != nil {
				return fmt.Errorf("%s of %d bytes: %w", move, n, err)
			}
		}
	}
	fmt.Println("every body arrived whole")
	return nil
}

func download(client *http.Client, url string, n int64, chunked bool, sum string, trailers bool) error {
	query := fmt.Sprintf("%s/bytes?n=%d", url, n)
	if chunked {
		query += "&chunked=1"
	}
	response, err := client.Get(query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	hash := sha256.New()
	got, err := io.Copy(hash, response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != 200 || got != n || fmt.Sprintf("%x", hash.Sum(nil)) != sum {
		return fmt.Errorf("status %d, %d bytes, hash differs: %v", response.StatusCode, got, fmt.Sprintf("%x", hash.Sum(nil)) != sum)
	}
	if trailers && chunked && n > 0 && response.Trailer.Get("x-sum") != sum {
		return fmt.Errorf("the trailer x-sum is %q", response.Trailer.Get("x-sum"))
	}
	return nil
}

func upload(client *http.Client, url string, n int64, chunked bool, sum string) error {
	request, err := http.NewRequest("POST", url+"/hash", io.LimitReader(&pattern{}, n))
	if err != nil {
		return err
	}
	if !chunked {
		request.ContentLength = n
		if n == 0 {
			request.Body = http.NoBody
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%d %s", n, sum); string(body) != want {
		return fmt.Errorf("status %d, the server says %.100q", response.StatusCode, body)
	}
	return nil
}

// patternCommand writes N bytes of the pattern to a file, which has holes where the pattern is zero, and prints their hash.
func patternCommand(args []string) error {
	flags := flag.NewFlagSet("pattern", flag.ExitOnError)
	n := flags.Int64("n", 0, "bytes")
	path := flags.String("file", "", "where to")
	flags.Parse(args)
	file, err := os.Create(*path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash, body, block := sha256.New(), &pattern{}, make([]byte, patternBlock)
	for at := int64(0); at < *n; at += patternBlock {
		piece := block[:min(patternBlock, *n-at)]
		body.Read(piece)
		hash.Write(piece)
		if zeroBlock(at / patternBlock) {
			continue
		}
		if _, err := file.WriteAt(piece, at); err != nil {
			return err
		}
	}
	fmt.Printf("%x\n", hash.Sum(nil))
	return file.Truncate(*n)
}
