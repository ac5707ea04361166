// A gNB with one UE behind it, without a radio: NGAP and NAS by free5GC's codecs, over the kernel's SCTP.
//
//	radio sctp ADDRESS:PORT      N2 as it is (TS 38.412)
//	radio unix PATH              the same messages through a local socket, for kernels without SCTP
//
// The UE knows NAS, but not what its EAP method says: it hands EAP out and takes it in, as a modem does. Every line of
// standard output is one fact, as JSON with "event". Orders, one per line of standard input:
//
//	register IMSI                send a REGISTRATION REQUEST
//	eap HEX                      the EAP response to the last "eap" fact
//	key HEX                      the EMSK that the method exported: NAS security follows from it
//	session SST SD HEX           ask for a PDU session in this slice, with these extended configuration options
//
// A message that it does not expect, a wrong MAC and a message that should be protected and is not end it.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	naslogger "github.com/free5gc/nas/logger"
)

var output sync.Mutex

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
	tell("failed", map[string]any{"what": what, "why": fmt.Sprint(err)})
	os.Exit(1)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: radio sctp ADDRESS:PORT | radio unix PATH")
		os.Exit(2)
	}
	naslogger.NasLog.Logger.SetOutput(io.Discard)
	link, err := dial(os.Args[1], os.Args[2])
	if err != nil {
		fail("N2", err)
	}
	gnb := &gnb{link: link}
	gnb.ue.gnb = gnb
	gnb.send(setupRequest())
	go gnb.listen()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		if err := gnb.obey(strings.Fields(lines.Text())); err != nil {
			fail(lines.Text(), err)
		}
	}
}

func (gnb *gnb) obey(words []string) error {
	gnb.turn.Lock()
	defer gnb.turn.Unlock()
	switch {
	case len(words) == 2 && words[0] == "register":
		return gnb.ue.register(words[1])
	case len(words) == 2 && words[0] == "eap":
		return withHex(words[1], gnb.ue.answer)
	case len(words) == 2 && words[0] == "key":
		return withHex(words[1], gnb.ue.takeKey)
	case len(words) == 4 && words[0] == "session":
		sst, err := strconv.ParseUint(words[1], 10, 8)
		if err != nil {
			return err
		}
		sd, err := strconv.ParseUint(words[2], 16, 24)
		if err != nil {
			return err
		}
		return withHex(words[3], func(options []byte) error {
			return gnb.ue.askForSession(uint8(sst), uint32(sd), options)
		})
	}
	return fmt.Errorf("not an order")
}

func withHex(text string, use func([]byte) error) error {
	octets, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	return use(octets)
}
