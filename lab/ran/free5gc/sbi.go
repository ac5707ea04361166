package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/free5gc/openapi/models"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

var (
	plmn      = models.PlmnId{Mcc: "001", Mnc: "01"}
	slice     = models.Snssai{Sst: 1, Sd: "000001"}
	instances = map[models.NfType]string{
		models.NfType_AMF: "00000000-0000-4000-8000-000000000001",
		models.NfType_UDM: "00000000-0000-4000-8000-000000000002",
		models.NfType_UDR: "00000000-0000-4000-8000-000000000003",
	}
	services = map[models.NfType]models.ServiceName{
		models.NfType_AMF: models.ServiceName_NAMF_COMM,
		models.NfType_UDM: models.ServiceName_NUDM_SDM,
		models.NfType_UDR: models.ServiceName_NUDR_DR,
	}
)

// What a UDM has of any subscriber (TS 29.503 clause 6.1.6.2.8).
const sessionData = `[{"singleNssai":{"sst":1,"sd":"000001"},"dnnConfigurations":{"internet":{
	"pduSessionTypes":{"defaultSessionType":"IPV4","allowedSessionTypes":["IPV4"]},
	"sscModes":{"defaultSscMode":"SSC_MODE_1","allowedSscModes":["SSC_MODE_1"]},
	"5gQosProfile":{"5qi":9,"arp":{"priorityLevel":8,"preemptCap":"NOT_PREEMPT","preemptVuln":"NOT_PREEMPTABLE"},
	"priorityLevel":8},"sessionAmbr":{"uplink":"100 Mbps","downlink":"100 Mbps"}}}}]`

// What a UDR has of any subscriber's policy (TS 29.519 clause 5.4.2).
const sessionPolicy = `{"smPolicySnssaiData":{"01000001":{"snssai":{"sst":1,"sd":"000001"},
	"smPolicyDnnData":{"internet":{"dnn":"internet","gbrUl":"50 Mbps","gbrDl":"50 Mbps"}}}}}`

func serveSbi(address string) error {
	for kind, instance := range instances {
		enrol(profile(kind, instance))
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h2c.NewHandler(http.HandlerFunc(answer), &http2.Server{})}
	go func() { fail("SBI", server.Serve(listener)) }()
	return nil
}

func answer(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	if err != nil {
		return
	}
	path := request.URL.Path
	if strings.HasPrefix(path, "/nnrf-") {
		answerAsNrf(writer, request, body)
		return
	}
	tell("asked", map[string]any{"method": request.Method, "path": path, "octets": len(body)})
	switch {
	case strings.HasPrefix(path, "/nudm-sdm/") && strings.HasSuffix(path, "/sm-data"):
		reply(writer, http.StatusOK, sessionData)
	case strings.HasPrefix(path, "/nudr-dr/") && strings.HasSuffix(path, "/am-data"):
		reply(writer, http.StatusOK, `{"subscCats":["airgrant"]}`)
	case strings.HasPrefix(path, "/nudr-dr/") && strings.HasSuffix(path, "/sm-data"):
		reply(writer, http.StatusOK, sessionPolicy)
	case strings.HasPrefix(path, "/namf-comm/") && strings.HasSuffix(path, "/n1-n2-messages"):
		tell("transfer", partsOf(request.Header.Get("Content-Type"), body))
		reply(writer, http.StatusOK, `{"cause":"N1_N2_TRANSFER_INITIATED"}`)
	default:
		reply(writer, http.StatusNotFound, `{"status":404}`)
	}
}

// The binary parts of an N1N2MessageTransfer, by their content id, in hex.
func partsOf(contentType string, body []byte) map[string]any {
	parts := map[string]any{}
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return parts
	}
	reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			return parts
		}
		octets, err := io.ReadAll(part)
		if id := part.Header.Get("Content-Id"); err == nil && id != "" {
			parts[id] = hex.EncodeToString(octets)
		}
	}
}

func reply(writer http.ResponseWriter, status int, body string) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	_, _ = io.WriteString(writer, body)
}

// ---- An NRF (TS 29.510): it keeps what is put, and finds by type alone.

var (
	enrolling sync.Mutex
	enrolled  []models.NfProfile
)

func enrol(profile models.NfProfile) {
	enrolling.Lock()
	defer enrolling.Unlock()
	enrolled = append(enrolled, profile)
}

func discover(kind models.NfType) models.SearchResult {
	enrolling.Lock()
	defer enrolling.Unlock()
	result := models.SearchResult{ValidityPeriod: 100, NfInstances: []models.NfProfile{}}
	for _, profile := range enrolled {
		if profile.NfType == kind {
			result.NfInstances = append(result.NfInstances, profile)
		}
	}
	return result
}

func answerAsNrf(writer http.ResponseWriter, request *http.Request, body []byte) {
	if request.Method == http.MethodPut {
		var profile models.NfProfile
		if err := json.Unmarshal(body, &profile); err != nil {
			reply(writer, http.StatusBadRequest, `{"status":400}`)
			return
		}
		enrol(profile)
		tell("enrolled", map[string]any{"type": profile.NfType})
		writer.Header().Set("Location", sbi+request.URL.Path)
		reply(writer, http.StatusCreated, string(body))
		return
	}
	found, err := json.Marshal(discover(models.NfType(request.URL.Query().Get("target-nf-type"))))
	if err != nil {
		fail("NRF", err)
	}
	reply(writer, http.StatusOK, string(found))
}

func profile(kind models.NfType, instance string) models.NfProfile {
	host, _, _ := net.SplitHostPort(strings.TrimPrefix(sbi, "http://"))
	return models.NfProfile{
		NfInstanceId:  instance,
		NfType:        kind,
		NfStatus:      models.NfStatus_REGISTERED,
		PlmnList:      &[]models.PlmnId{plmn},
		Ipv4Addresses: []string{host},
		NfServices: &[]models.NfService{{
			ServiceInstanceId: "0",
			ServiceName:       services[kind],
			Versions:          &[]models.NfServiceVersion{{ApiFullVersion: "1.0.0", ApiVersionInUri: "v1"}},
			Scheme:            models.UriScheme_HTTP,
			NfServiceStatus:   models.NfServiceStatus_REGISTERED,
			ApiPrefix:         sbi,
		}},
	}
}
