// Tells what free5GC's NGAP codec reads in a PDU, and writes what it read again.
//
// One PDU per line of standard input, in hex. One JSON object per line of standard output: "procedure" code, "elements"
// of the outer list that Airgrant cares for, by their type's name, as numbers or hex; "again" as free5GC encodes what it
// decoded; or "error".
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/free5gc/aper"
	"github.com/free5gc/ngap"
	"github.com/free5gc/ngap/logger"
	"github.com/free5gc/ngap/ngapType"
)

type answer map[string]any

func main() {
	logger.NgapLog.Logger.SetOutput(io.Discard)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	output := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := output.Encode(explain(lines.Text())); err != nil {
			os.Exit(1)
		}
	}
}

func explain(line string) (result answer) {
	defer func() {
		if why := recover(); why != nil {
			result = answer{"error": fmt.Sprint("panic: ", why)}
		}
	}()
	octets, err := hex.DecodeString(line)
	if err != nil {
		return answer{"error": err.Error()}
	}
	pdu, err := ngap.Decoder(octets)
	if err != nil {
		return answer{"error": err.Error()}
	}
	result = answer{"elements": map[string]any{}}
	switch pdu.Present {
	case ngapType.NGAPPDUPresentInitiatingMessage:
		result["procedure"] = pdu.InitiatingMessage.ProcedureCode.Value
		describe(reflect.ValueOf(pdu.InitiatingMessage.Value), result["elements"].(map[string]any))
	case ngapType.NGAPPDUPresentSuccessfulOutcome:
		result["procedure"] = pdu.SuccessfulOutcome.ProcedureCode.Value
		describe(reflect.ValueOf(pdu.SuccessfulOutcome.Value), result["elements"].(map[string]any))
	case ngapType.NGAPPDUPresentUnsuccessfulOutcome:
		result["procedure"] = pdu.UnsuccessfulOutcome.ProcedureCode.Value
		describe(reflect.ValueOf(pdu.UnsuccessfulOutcome.Value), result["elements"].(map[string]any))
	}
	again, err := ngap.Encoder(*pdu)
	if err != nil {
		return answer{"error": "encode: " + err.Error()}
	}
	result["again"] = hex.EncodeToString(again)
	return result
}

// describe finds the one message that is set, and in each entry of its list the one value that is set.
func describe(messages reflect.Value, elements map[string]any) {
	message := chosen(messages)
	if !message.IsValid() {
		return
	}
	list := message.FieldByName("ProtocolIEs").FieldByName("List")
	for i := range list.Len() {
		value := chosen(list.Index(i).FieldByName("Value"))
		if value.IsValid() && value.Kind() == reflect.Struct {
			note(value, elements)
		}
	}
}

func chosen(choice reflect.Value) reflect.Value {
	for i := range choice.NumField() {
		if field := choice.Field(i); field.Kind() == reflect.Pointer && !field.IsNil() {
			return field.Elem()
		}
	}
	return reflect.Value{}
}

func note(element reflect.Value, elements map[string]any) {
	value := element.FieldByName("Value")
	if !value.IsValid() {
		return
	}
	name := element.Type().Name()
	switch content := value.Interface().(type) {
	case aper.OctetString:
		elements[name] = hex.EncodeToString(content)
	case aper.BitString:
		elements[name] = hex.EncodeToString(content.Bytes)
	case int64:
		elements[name] = content
	}
}
