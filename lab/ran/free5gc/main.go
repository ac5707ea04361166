// The parts of a 5G core that free5GC's PCF and SMF ask, where they cannot be had: NRF, AMF, UDM, UDR and UPF.
//
//	standin SBI-ADDRESS:PORT N4-ADDRESS
//
// It answers what it is asked with one subscriber's data, and does nothing of its own but what a line of standard input
// orders. Every line of standard output is one fact, as JSON with "event". Orders:
//
//	register SUPI            create the AM policy association at the PCF, as an AMF does for a registered UE
//	session SUPI HEX         carry a 5GSM message to the SMF, as an AMF does for an UL NAS TRANSPORT
//
// It makes no decision that a test could believe: what is believed is what the two real functions do.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/free5gc/openapi/Npcf_AMPolicy"
	"github.com/free5gc/openapi/Nsmf_PDUSession"
	"github.com/free5gc/openapi/models"
)

var (
	output sync.Mutex
	sbi    string
)

func tell(event string, facts map[string]any) {
	output.Lock()
	defer output.Unlock()
	line := map[string]any{"event": event}
	for name, fact := range facts {
		line[name] = fact
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		os.Exit(1)
	}
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "standin: %s: %v\n", what, err)
	os.Exit(1)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: standin SBI-ADDRESS:PORT N4-ADDRESS")
		os.Exit(2)
	}
	sbi = "http://" + os.Args[1]
	if err := serveN4(net.ParseIP(os.Args[2]).To4()); err != nil {
		fail("N4", err)
	}
	if err := serveSbi(os.Args[1]); err != nil {
		fail("SBI", err)
	}
	tell("ready", nil)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		facts, err := obey(words)
		if err != nil {
			facts = map[string]any{"error": err.Error()}
		}
		facts["order"] = lines.Text()
		tell("obeyed", facts)
	}
}

func obey(words []string) (map[string]any, error) {
	switch {
	case len(words) == 2 && words[0] == "register":
		return register(words[1])
	case len(words) == 3 && words[0] == "session":
		message, err := hex.DecodeString(words[2])
		if err != nil {
			return nil, err
		}
		return session(words[1], message)
	}
	return map[string]any{}, fmt.Errorf("not an order")
}

// The API prefix of a network function's service, as it enrolled.
func find(kind models.NfType, service models.ServiceName) (string, error) {
	for _, profile := range discover(kind).NfInstances {
		for _, offered := range *profile.NfServices {
			if offered.ServiceName == service {
				return offered.ApiPrefix, nil
			}
		}
	}
	return "", fmt.Errorf("%s is not enrolled", service)
}

func register(supi string) (map[string]any, error) {
	prefix, err := find(models.NfType_PCF, models.ServiceName_NPCF_AM_POLICY_CONTROL)
	if err != nil {
		return map[string]any{}, err
	}
	configuration := Npcf_AMPolicy.NewConfiguration()
	configuration.SetBasePath(prefix)
	client := Npcf_AMPolicy.NewAPIClient(configuration)
	_, response, err := client.DefaultApi.PoliciesPost(context.Background(), models.PolicyAssociationRequest{
		NotificationUri: sbi + "/namf-callback/v1/am-policy/1",
		Supi:            supi,
		AccessType:      models.AccessType__3_GPP_ACCESS,
		ServingPlmn:     &models.NetworkId{Mcc: "001", Mnc: "01"},
		SuppFeat:        "0",
	})
	if err != nil {
		return map[string]any{}, err
	}
	return map[string]any{"status": response.StatusCode}, nil
}

func session(supi string, message []byte) (map[string]any, error) {
	prefix, err := find(models.NfType_SMF, models.ServiceName_NSMF_PDUSESSION)
	if err != nil {
		return map[string]any{}, err
	}
	configuration := Nsmf_PDUSession.NewConfiguration()
	configuration.SetBasePath(prefix)
	client := Nsmf_PDUSession.NewAPIClient(configuration)
	_, response, err := client.SMContextsCollectionApi.PostSmContexts(context.Background(), models.PostSmContextsRequest{
		JsonData: &models.SmContextCreateData{
			Supi:               supi,
			PduSessionId:       1,
			Dnn:                "internet",
			SNssai:             &slice,
			ServingNfId:        instances[models.NfType_AMF],
			Guami:              &models.Guami{PlmnId: &plmn, AmfId: "cafe00"},
			ServingNetwork:     &plmn,
			RequestType:        models.RequestType_INITIAL_REQUEST,
			N1SmMsg:            &models.RefToBinaryData{ContentId: "n1SmMsg"},
			AnType:             models.AccessType__3_GPP_ACCESS,
			RatType:            models.RatType_NR,
			SmContextStatusUri: sbi + "/namf-callback/v1/smContextStatus/1",
		},
		BinaryDataN1SmMessage: message,
	})
	if err != nil {
		return map[string]any{}, err
	}
	return map[string]any{"status": response.StatusCode, "location": response.Header.Get("Location")}, nil
}
