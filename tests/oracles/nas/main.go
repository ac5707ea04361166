// Tells what free5GC's NAS codec reads in a 5GS NAS message, and writes what it read again.
//
// One message per line of standard input, in hex. One JSON object per line of standard output: "name" of the message,
// the information elements that Airgrant cares for in hex, "again" as free5GC encodes what it decoded; or "error".
// A line "pco HEX" asks for the units of protocol configuration options instead, as "units" of [id, contents].
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/free5gc/nas"
	"github.com/free5gc/nas/logger"
	"github.com/free5gc/nas/nasConvert"
)

type answer map[string]any

func main() {
	logger.NasLog.Logger.SetOutput(io.Discard)
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
	text, isOptions := strings.CutPrefix(line, "pco ")
	octets, err := hex.DecodeString(text)
	if err != nil {
		return answer{"error": err.Error()}
	}
	if isOptions {
		return options(octets)
	}
	message := nas.NewMessage()
	if err := message.PlainNasDecode(&octets); err != nil {
		return answer{"error": err.Error()}
	}
	result = answer{}
	for _, half := range []any{message.GmmMessage, message.GsmMessage} {
		describe(half, result)
	}
	again, err := message.PlainNasEncode()
	if err != nil {
		return answer{"error": "encode: " + err.Error()}
	}
	result["again"] = hex.EncodeToString(again)
	return result
}

// describe finds the one message that is set below a GmmMessage or GsmMessage, and its elements by their type's name.
func describe(half any, result answer) {
	value := reflect.ValueOf(half)
	if value.IsNil() {
		return
	}
	value = value.Elem()
	for i := range value.NumField() {
		field := value.Field(i)
		if field.Kind() == reflect.Pointer && !field.IsNil() {
			result["name"] = field.Elem().Type().Name()
			elements(field.Elem(), result)
		}
	}
}

func elements(message reflect.Value, result answer) {
	for i := range message.NumField() {
		field := message.Field(i)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
		}
		name := message.Type().Field(i).Name
		if field.Kind() != reflect.Struct {
			continue
		}
		if buffer := field.FieldByName("Buffer"); buffer.IsValid() {
			result[name] = hex.EncodeToString(buffer.Bytes())
		} else if octet := field.FieldByName("Octet"); octet.IsValid() && octet.Kind() == reflect.Uint8 {
			result[name] = octet.Uint()
		}
	}
}

func options(octets []byte) answer {
	read := nasConvert.NewProtocolConfigurationOptions()
	if err := read.UnMarshal(octets); err != nil {
		return answer{"error": err.Error()}
	}
	units := [][2]any{}
	for _, unit := range read.ProtocolOrContainerList {
		units = append(units, [2]any{unit.ProtocolOrContainerID, hex.EncodeToString(unit.Contents)})
	}
	return answer{"name": "ProtocolConfigurationOptions", "units": units, "again": hex.EncodeToString(read.Marshal())}
}
