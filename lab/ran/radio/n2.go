package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"github.com/free5gc/aper"
	"github.com/free5gc/ngap"
	"github.com/free5gc/ngap/ngapType"
	"golang.org/x/sys/unix"
)

const (
	ngapProtocol  = 60 // the payload protocol identifier of NGAP (TS 38.412 clause 7)
	sctpSndInfo   = 2  // SCTP_SNDINFO (RFC 6458 clause 5.3.4)
	largest       = 1 << 16
	ranId         = 1
	publicNetwork = "\x00\xf1\x10" // PLMN 001/01
)

var trackingArea = []byte{0, 0, 7}

type gnb struct {
	link  *os.File
	sctp  bool
	turn  sync.Mutex
	ue    ue
	amfId int64
}

// ---- The association

func dial(network, address string) (*os.File, error) {
	if network == "unix" {
		socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(socket), address), unix.Connect(socket, &unix.SockaddrUnix{Name: address})
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP)
	if err != nil {
		return nil, err
	}
	peer := &unix.SockaddrInet4{Port: port}
	copy(peer.Addr[:], net.ParseIP(host).To4())
	return os.NewFile(uintptr(socket), "sctp"), unix.Connect(socket, peer)
}

func (gnb *gnb) send(message ngapType.NGAPPDU) {
	octets, err := ngap.Encoder(message)
	if err != nil {
		fail("NGAP", err)
	}
	if err := unix.Sendmsg(int(gnb.link.Fd()), octets, gnb.control(), nil, 0); err != nil {
		fail("N2", err)
	}
}

// What says to SCTP that this is NGAP, stream 0.
func (gnb *gnb) control() []byte {
	if gnb.link.Name() != "sctp" {
		return nil
	}
	control := make([]byte, unix.CmsgSpace(16))
	head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	head.Level, head.Type = unix.IPPROTO_SCTP, sctpSndInfo
	head.SetLen(unix.CmsgLen(16))
	control[unix.CmsgLen(0)+7] = ngapProtocol // struct sctp_sndinfo: stream, flags, then this in network order
	return control
}

func (gnb *gnb) listen() {
	buffer := make([]byte, largest)
	for {
		count, err := unix.Read(int(gnb.link.Fd()), buffer)
		if err != nil {
			fail("N2", err)
		}
		if count == 0 {
			tell("hung up", nil)
			os.Exit(0)
		}
		message, err := ngap.Decoder(append([]byte{}, buffer[:count]...))
		if err != nil {
			fail("NGAP", err)
		}
		gnb.turn.Lock()
		if err := gnb.take(message); err != nil {
			fail("NGAP", err)
		}
		gnb.turn.Unlock()
	}
}

// ---- What the AMF says

func (gnb *gnb) take(message *ngapType.NGAPPDU) error {
	if message.Present == ngapType.NGAPPDUPresentSuccessfulOutcome {
		response := message.SuccessfulOutcome.Value.NGSetupResponse
		if response == nil {
			return fmt.Errorf("an outcome that nothing asked for")
		}
		for _, element := range response.ProtocolIEs.List {
			if element.Value.AMFName != nil {
				tell("ng setup", map[string]any{"amf": element.Value.AMFName.Value})
			}
		}
		return nil
	}
	if message.Present != ngapType.NGAPPDUPresentInitiatingMessage {
		return fmt.Errorf("the AMF refused")
	}
	value := message.InitiatingMessage.Value
	switch {
	case value.DownlinkNASTransport != nil:
		for _, element := range value.DownlinkNASTransport.ProtocolIEs.List {
			switch {
			case element.Value.AMFUENGAPID != nil:
				gnb.amfId = element.Value.AMFUENGAPID.Value
			case element.Value.NASPDU != nil:
				return gnb.ue.take(element.Value.NASPDU.Value)
			}
		}
	case value.PDUSessionResourceSetupRequest != nil:
		for _, element := range value.PDUSessionResourceSetupRequest.ProtocolIEs.List {
			if list := element.Value.PDUSessionResourceSetupListSUReq; list != nil {
				return gnb.setUp(list.List[0])
			}
		}
	}
	return fmt.Errorf("a message that this gNB does not know")
}

func (gnb *gnb) setUp(item ngapType.PDUSessionResourceSetupItemSUReq) error {
	slice := fmt.Sprintf("%d-%x", item.SNSSAI.SST.Value[0], item.SNSSAI.SD.Value)
	tell("resources", map[string]any{"slice": slice, "octets": len(item.PDUSessionResourceSetupRequestTransfer)})
	gnb.send(setupResponse(gnb.amfId, item.PDUSessionID.Value))
	return gnb.ue.take(item.PDUSessionNASPDU.Value)
}

// ---- What the gNB says

func initiating(code int64, value ngapType.InitiatingMessageValue) ngapType.NGAPPDU {
	return ngapType.NGAPPDU{
		Present: ngapType.NGAPPDUPresentInitiatingMessage,
		InitiatingMessage: &ngapType.InitiatingMessage{
			ProcedureCode: ngapType.ProcedureCode{Value: code},
			Criticality:   ngapType.Criticality{Value: ngapType.CriticalityPresentReject},
			Value:         value,
		},
	}
}

func plmn() ngapType.PLMNIdentity { return ngapType.PLMNIdentity{Value: []byte(publicNetwork)} }

func snssai(sd uint32) ngapType.SNSSAI {
	return ngapType.SNSSAI{
		SST: ngapType.SST{Value: []byte{1}},
		SD:  &ngapType.SD{Value: []byte{byte(sd >> 16), byte(sd >> 8), byte(sd)}},
	}
}

func setupRequest() ngapType.NGAPPDU {
	reject := ngapType.Criticality{Value: ngapType.CriticalityPresentReject}
	slices := ngapType.SliceSupportList{}
	for _, sd := range []uint32{0xFF, 1, 2} {
		slices.List = append(slices.List, ngapType.SliceSupportItem{SNSSAI: snssai(sd)})
	}
	areas := ngapType.SupportedTAList{List: []ngapType.SupportedTAItem{{
		TAC: ngapType.TAC{Value: trackingArea},
		BroadcastPLMNList: ngapType.BroadcastPLMNList{List: []ngapType.BroadcastPLMNItem{{
			PLMNIdentity: plmn(), TAISliceSupportList: slices,
		}}},
	}}}
	node := ngapType.GlobalRANNodeID{
		Present: ngapType.GlobalRANNodeIDPresentGlobalGNBID,
		GlobalGNBID: &ngapType.GlobalGNBID{PLMNIdentity: plmn(), GNBID: ngapType.GNBID{
			Present: ngapType.GNBIDPresentGNBID,
			GNBID:   &aper.BitString{Bytes: []byte{0, 0, 0x19, 0xB0}, BitLength: 28},
		}},
	}
	request := &ngapType.NGSetupRequest{}
	request.ProtocolIEs.List = []ngapType.NGSetupRequestIEs{
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDGlobalRANNodeID}, Criticality: reject,
			Value: ngapType.NGSetupRequestIEsValue{
				Present: ngapType.NGSetupRequestIEsPresentGlobalRANNodeID, GlobalRANNodeID: &node},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDSupportedTAList}, Criticality: reject,
			Value: ngapType.NGSetupRequestIEsValue{
				Present: ngapType.NGSetupRequestIEsPresentSupportedTAList, SupportedTAList: &areas},
		},
		{
			Id:          ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDDefaultPagingDRX},
			Criticality: ngapType.Criticality{Value: ngapType.CriticalityPresentIgnore},
			Value: ngapType.NGSetupRequestIEsValue{
				Present:          ngapType.NGSetupRequestIEsPresentDefaultPagingDRX,
				DefaultPagingDRX: &ngapType.PagingDRX{Value: ngapType.PagingDRXPresentV128}},
		},
	}
	return initiating(ngapType.ProcedureCodeNGSetup, ngapType.InitiatingMessageValue{
		Present: ngapType.InitiatingMessagePresentNGSetupRequest, NGSetupRequest: request,
	})
}

func location() *ngapType.UserLocationInformation {
	return &ngapType.UserLocationInformation{
		Present: ngapType.UserLocationInformationPresentUserLocationInformationNR,
		UserLocationInformationNR: &ngapType.UserLocationInformationNR{
			NRCGI: ngapType.NRCGI{PLMNIdentity: plmn(), NRCellIdentity: ngapType.NRCellIdentity{
				Value: aper.BitString{Bytes: []byte{0, 0, 0x19, 0xB0, 0}, BitLength: 36}}},
			TAI: ngapType.TAI{PLMNIdentity: plmn(), TAC: ngapType.TAC{Value: trackingArea}},
		},
	}
}

func initialMessage(nas []byte) ngapType.NGAPPDU {
	reject := ngapType.Criticality{Value: ngapType.CriticalityPresentReject}
	ignore := ngapType.Criticality{Value: ngapType.CriticalityPresentIgnore}
	message := &ngapType.InitialUEMessage{}
	message.ProtocolIEs.List = []ngapType.InitialUEMessageIEs{
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDRANUENGAPID}, Criticality: reject,
			Value: ngapType.InitialUEMessageIEsValue{
				Present: ngapType.InitialUEMessageIEsPresentRANUENGAPID, RANUENGAPID: &ngapType.RANUENGAPID{Value: ranId}},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDNASPDU}, Criticality: reject,
			Value: ngapType.InitialUEMessageIEsValue{
				Present: ngapType.InitialUEMessageIEsPresentNASPDU, NASPDU: &ngapType.NASPDU{Value: nas}},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDUserLocationInformation}, Criticality: reject,
			Value: ngapType.InitialUEMessageIEsValue{
				Present:                 ngapType.InitialUEMessageIEsPresentUserLocationInformation,
				UserLocationInformation: location()},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDRRCEstablishmentCause}, Criticality: ignore,
			Value: ngapType.InitialUEMessageIEsValue{
				Present: ngapType.InitialUEMessageIEsPresentRRCEstablishmentCause,
				RRCEstablishmentCause: &ngapType.RRCEstablishmentCause{
					Value: ngapType.RRCEstablishmentCausePresentMoSignalling}},
		},
	}
	return initiating(ngapType.ProcedureCodeInitialUEMessage, ngapType.InitiatingMessageValue{
		Present: ngapType.InitiatingMessagePresentInitialUEMessage, InitialUEMessage: message,
	})
}

func uplink(amfId int64, nas []byte) ngapType.NGAPPDU {
	reject := ngapType.Criticality{Value: ngapType.CriticalityPresentReject}
	message := &ngapType.UplinkNASTransport{}
	message.ProtocolIEs.List = []ngapType.UplinkNASTransportIEs{
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDAMFUENGAPID}, Criticality: reject,
			Value: ngapType.UplinkNASTransportIEsValue{
				Present: ngapType.UplinkNASTransportIEsPresentAMFUENGAPID, AMFUENGAPID: &ngapType.AMFUENGAPID{Value: amfId}},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDRANUENGAPID}, Criticality: reject,
			Value: ngapType.UplinkNASTransportIEsValue{
				Present: ngapType.UplinkNASTransportIEsPresentRANUENGAPID, RANUENGAPID: &ngapType.RANUENGAPID{Value: ranId}},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDNASPDU}, Criticality: reject,
			Value: ngapType.UplinkNASTransportIEsValue{
				Present: ngapType.UplinkNASTransportIEsPresentNASPDU, NASPDU: &ngapType.NASPDU{Value: nas}},
		},
		{
			Id:          ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDUserLocationInformation},
			Criticality: ngapType.Criticality{Value: ngapType.CriticalityPresentIgnore},
			Value: ngapType.UplinkNASTransportIEsValue{
				Present:                 ngapType.UplinkNASTransportIEsPresentUserLocationInformation,
				UserLocationInformation: location()},
		},
	}
	return initiating(ngapType.ProcedureCodeUplinkNASTransport, ngapType.InitiatingMessageValue{
		Present: ngapType.InitiatingMessagePresentUplinkNASTransport, UplinkNASTransport: message,
	})
}

func setupResponse(amfId, session int64) ngapType.NGAPPDU {
	ignore := ngapType.Criticality{Value: ngapType.CriticalityPresentIgnore}
	tunnel := ngapType.QosFlowPerTNLInformation{
		UPTransportLayerInformation: ngapType.UPTransportLayerInformation{
			Present: ngapType.UPTransportLayerInformationPresentGTPTunnel,
			GTPTunnel: &ngapType.GTPTunnel{
				TransportLayerAddress: ngapType.TransportLayerAddress{
					Value: aper.BitString{Bytes: []byte{127, 0, 1, 40}, BitLength: 32}},
				GTPTEID: ngapType.GTPTEID{Value: []byte{0, 0, 0, 1}},
			},
		},
		AssociatedQosFlowList: ngapType.AssociatedQosFlowList{List: []ngapType.AssociatedQosFlowItem{{
			QosFlowIdentifier: ngapType.QosFlowIdentifier{Value: 1},
		}}},
	}
	transfer, err := aper.MarshalWithParams(
		ngapType.PDUSessionResourceSetupResponseTransfer{DLQosFlowPerTNLInformation: tunnel}, "valueExt")
	if err != nil {
		fail("NGAP", err)
	}
	response := &ngapType.PDUSessionResourceSetupResponse{}
	response.ProtocolIEs.List = []ngapType.PDUSessionResourceSetupResponseIEs{
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDAMFUENGAPID}, Criticality: ignore,
			Value: ngapType.PDUSessionResourceSetupResponseIEsValue{
				Present:     ngapType.PDUSessionResourceSetupResponseIEsPresentAMFUENGAPID,
				AMFUENGAPID: &ngapType.AMFUENGAPID{Value: amfId}},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDRANUENGAPID}, Criticality: ignore,
			Value: ngapType.PDUSessionResourceSetupResponseIEsValue{
				Present:     ngapType.PDUSessionResourceSetupResponseIEsPresentRANUENGAPID,
				RANUENGAPID: &ngapType.RANUENGAPID{Value: ranId}},
		},
		{
			Id: ngapType.ProtocolIEID{Value: ngapType.ProtocolIEIDPDUSessionResourceSetupListSURes}, Criticality: ignore,
			Value: ngapType.PDUSessionResourceSetupResponseIEsValue{
				Present: ngapType.PDUSessionResourceSetupResponseIEsPresentPDUSessionResourceSetupListSURes,
				PDUSessionResourceSetupListSURes: &ngapType.PDUSessionResourceSetupListSURes{
					List: []ngapType.PDUSessionResourceSetupItemSURes{{
						PDUSessionID:                            ngapType.PDUSessionID{Value: session},
						PDUSessionResourceSetupResponseTransfer: transfer,
					}},
				}},
		},
	}
	return ngapType.NGAPPDU{
		Present: ngapType.NGAPPDUPresentSuccessfulOutcome,
		SuccessfulOutcome: &ngapType.SuccessfulOutcome{
			ProcedureCode: ngapType.ProcedureCode{Value: ngapType.ProcedureCodePDUSessionResourceSetup},
			Criticality:   ngapType.Criticality{Value: ngapType.CriticalityPresentReject},
			Value: ngapType.SuccessfulOutcomeValue{
				Present:                         ngapType.SuccessfulOutcomePresentPDUSessionResourceSetupResponse,
				PDUSessionResourceSetupResponse: response,
			},
		},
	}
}
