package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
)

type readMessage struct {
	Method, Target, Host string
	Body                 []byte
}

type readStream struct {
	Messages []readMessage
	Error    string // empty: the stream ended between two messages
}

// read says which requests net/http finds in byte streams: a file with one per line, in base64; one JSON line for each.
func read(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: peer read FILE")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for line := range bytes.Lines(text) {
		stream := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
		n, err := base64.StdEncoding.Decode(stream, bytes.TrimSpace(line))
		if err != nil {
			return err
		}
		out.Encode(readAll(stream[:n]))
	}
	return nil
}

func readAll(stream []byte) (found readStream) {
	in := bufio.NewReader(bytes.NewReader(stream))
	for {
		request, err := http.ReadRequest(in)
		if err == io.EOF {
			return found
		}
		var body []byte
		if err == nil {
			body, err = io.ReadAll(request.Body)
		}
		if err != nil {
			found.Error = err.Error()
			return found
		}
		found.Messages = append(found.Messages, readMessage{request.Method, request.RequestURI, request.Host, body})
	}
}
