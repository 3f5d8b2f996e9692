// The demo's `prices` on Kubernetes: an ordinary Go server that knows nothing of a mesh. prices :PORT
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

func main() {
	host, _ := os.Hostname()
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"instance": host})
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
