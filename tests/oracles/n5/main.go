// Reads N5 requests over HTTP/2 in clear text with free5GC's data models and packet filters, which are made from 3GPP's
// own files, and says whether it understands every word.
//
// Usage: n5-oracle ADDRESS. Prints the address when it listens (port 0 is any), and ends on SIGTERM. A request that it
// understands gets 201, 200 or 204 as TS 29.514 has it, with what was understood as the body; others get 400 and why.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/free5gc/flowdesc"
	"github.com/free5gc/openapi/models"
)

const collection = "/npcf-policyauthorization/v1/app-sessions"

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "n5-oracle:", err)
		os.Exit(1)
	}
	server := &http.Server{Handler: http.HandlerFunc(serve), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	fmt.Println(listener.Addr())
	go server.Serve(listener)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	server.Close()
}

func serve(writer http.ResponseWriter, request *http.Request) {
	writer.Header().Set("Content-Type", "application/json")
	switch path := request.URL.Path; {
	case request.Method == "POST" && path == collection:
		context := models.AppSessionContext{}
		if !understand(writer, request, "application/json", &context) {
			return
		}
		for _, component := range context.AscReqData.MedComponents {
			for _, sub := range component.MedSubComps {
				if !filters(writer, sub.FDescs) {
					return
				}
			}
		}
		writer.Header().Set("Location", "http://"+request.Host+path+"/oracle-1")
		answer(writer, http.StatusCreated, context)
	case request.Method == "PATCH" && strings.HasPrefix(path, collection+"/"):
		patch := models.AppSessionContextUpdateDataPatch{}
		if !understand(writer, request, "application/merge-patch+json", &patch) {
			return
		}
		for _, component := range patch.AscReqData.MedComponents {
			for _, sub := range component.MedSubComps {
				if !filters(writer, sub.FDescs) {
					return
				}
			}
		}
		answer(writer, http.StatusOK, patch)
	case request.Method == "POST" && strings.HasSuffix(path, "/delete"):
		writer.WriteHeader(http.StatusNoContent)
	default:
		refuse(writer, http.StatusNotFound, request.Method+" "+path)
	}
}

// understand decodes the body into a model, and refuses a field that the model does not have.
func understand(writer http.ResponseWriter, request *http.Request, contentType string, model any) bool {
	if found := request.Header.Get("Content-Type"); found != contentType {
		refuse(writer, http.StatusUnsupportedMediaType, found)
		return false
	}
	decoder := json.NewDecoder(request.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(model); err != nil {
		refuse(writer, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

// filters reads packet filters. The package is about the user plane's, which have no "in" (TS 29.212 clause 5.4.2); an
// application function's have (TS 29.214 clause 5.3.8).
func filters(writer http.ResponseWriter, descriptions []string) bool {
	for _, description := range descriptions {
		filter := strings.Replace(description, "permit in ", "permit out ", 1)
		if err := flowdesc.Decode(filter, flowdesc.NewIPFilterRule()); err != nil {
			refuse(writer, http.StatusBadRequest, fmt.Sprintf("%s: %v", description, err))
			return false
		}
	}
	return true
}

func answer(writer http.ResponseWriter, status int, model any) {
	body := bytes.Buffer{}
	if err := json.NewEncoder(&body).Encode(model); err != nil {
		refuse(writer, http.StatusInternalServerError, err.Error())
		return
	}
	writer.WriteHeader(status)
	writer.Write(body.Bytes())
}

func refuse(writer http.ResponseWriter, status int, why string) {
	writer.Header().Set("Content-Type", "application/problem+json")
	writer.WriteHeader(status)
	json.NewEncoder(writer).Encode(models.ProblemDetails{Title: why, Status: int32(status)})
}
