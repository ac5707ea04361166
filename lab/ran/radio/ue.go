package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"

	"github.com/free5gc/nas"
	"github.com/free5gc/nas/nasMessage"
	"github.com/free5gc/nas/nasType"
	"github.com/free5gc/nas/security"
)

type ue struct {
	gnb      *gnb
	supi     string
	request  []byte // the REGISTRATION REQUEST, which is repeated under protection
	keys     *keys
	uplinks  security.Count
	awaited  uint32 // the NAS COUNT of the next downlink message
	attached bool
}

// What this UE can: NEA0 and NEA2, NIA2.
var capability = []uint8{0xA0, 0x20}

func encode(message *nas.Message) ([]byte, error) {
	buffer := new(bytes.Buffer)
	if message.GsmMessage != nil {
		err := message.GsmMessageEncode(buffer)
		return buffer.Bytes(), err
	}
	err := message.GmmMessageEncode(buffer)
	return buffer.Bytes(), err
}

func mobility(kind uint8) *nas.Message {
	message := nas.NewMessage()
	message.GmmMessage = nas.NewGmmMessage()
	message.GmmHeader.SetMessageType(kind)
	return message
}

// ---- Orders

func (ue *ue) register(imsi string) error {
	ue.supi = "imsi-" + imsi
	request := nasMessage.NewRegistrationRequest(0)
	request.ExtendedProtocolDiscriminator.SetExtendedProtocolDiscriminator(nasMessage.Epd5GSMobilityManagementMessage)
	request.RegistrationRequestMessageIdentity.SetMessageType(nas.MsgTypeRegistrationRequest)
	request.NgksiAndRegistrationType5GS.SetNasKeySetIdentifiler(7)
	request.NgksiAndRegistrationType5GS.SetFOR(1)
	request.NgksiAndRegistrationType5GS.SetRegistrationType5GS(nasMessage.RegistrationType5GSInitialRegistration)
	identity := concealed(imsi)
	request.MobileIdentity5GS = nasType.MobileIdentity5GS{Len: uint16(len(identity)), Buffer: identity}
	request.UESecurityCapability = &nasType.UESecurityCapability{
		Iei: nasMessage.RegistrationRequestUESecurityCapabilityType, Len: uint8(len(capability)), Buffer: capability,
	}
	message := mobility(nas.MsgTypeRegistrationRequest)
	message.RegistrationRequest = request
	octets, err := encode(message)
	if err != nil {
		return err
	}
	ue.request = octets
	ue.gnb.send(initialMessage(octets))
	return nil
}

// A SUCI of the null scheme (TS 24.501 figure 9.11.3.4.3): type, PLMN, routing indicator, scheme, key, digits.
func concealed(imsi string) []byte {
	octets := append([]byte{0x01}, publicNetwork...)
	octets = append(octets, 0xF0, 0xFF, 0x00, 0x00)
	digits := imsi[5:]
	for at := 0; at < len(digits); at += 2 {
		octets = append(octets, (digits[at+1]-'0')<<4|(digits[at]-'0'))
	}
	return octets
}

func (ue *ue) answer(packet []byte) error {
	response := nasMessage.NewAuthenticationResponse(0)
	response.ExtendedProtocolDiscriminator.SetExtendedProtocolDiscriminator(nasMessage.Epd5GSMobilityManagementMessage)
	response.AuthenticationResponseMessageIdentity.SetMessageType(nas.MsgTypeAuthenticationResponse)
	response.EAPMessage = &nasType.EAPMessage{
		Iei: nasMessage.AuthenticationResponseEAPMessageType, Len: uint16(len(packet)), Buffer: packet,
	}
	message := mobility(nas.MsgTypeAuthenticationResponse)
	message.AuthenticationResponse = response
	octets, err := encode(message)
	if err != nil {
		return err
	}
	ue.gnb.send(uplink(ue.gnb.amfId, octets))
	return nil
}

func (ue *ue) takeKey(emsk []byte) error {
	derived, err := derive(emsk, ue.supi)
	if err != nil {
		return err
	}
	ue.keys = derived
	tell("keyed", nil)
	return nil
}

func (ue *ue) askForSession(sst uint8, sd uint32, options []byte) error {
	if !ue.attached {
		return fmt.Errorf("not registered")
	}
	establishment, err := establishmentRequest(options)
	if err != nil {
		return err
	}
	transport := nasMessage.NewULNASTransport(0)
	transport.ExtendedProtocolDiscriminator.SetExtendedProtocolDiscriminator(nasMessage.Epd5GSMobilityManagementMessage)
	transport.ULNASTRANSPORTMessageIdentity.SetMessageType(nas.MsgTypeULNASTransport)
	transport.SpareHalfOctetAndPayloadContainerType.SetPayloadContainerType(nasMessage.PayloadContainerTypeN1SMInfo)
	transport.PayloadContainer = nasType.PayloadContainer{Len: uint16(len(establishment)), Buffer: establishment}
	transport.PduSessionID2Value = new(nasType.PduSessionID2Value)
	transport.PduSessionID2Value.SetIei(nasMessage.ULNASTransportPduSessionID2ValueType)
	transport.PduSessionID2Value.SetPduSessionID2Value(1)
	transport.RequestType = new(nasType.RequestType)
	transport.RequestType.SetIei(nasMessage.ULNASTransportRequestTypeType)
	transport.RequestType.SetRequestTypeValue(nasMessage.ULNASTransportRequestTypeInitialRequest)
	transport.SNSSAI = nasType.NewSNSSAI(nasMessage.ULNASTransportSNSSAIType)
	transport.SNSSAI.SetLen(4)
	transport.SNSSAI.SetSST(sst)
	transport.SNSSAI.SetSD([3]uint8{uint8(sd >> 16), uint8(sd >> 8), uint8(sd)})
	transport.DNN = nasType.NewDNN(nasMessage.ULNASTransportDNNType)
	transport.DNN.SetDNN("internet")
	message := mobility(nas.MsgTypeULNASTransport)
	message.ULNASTransport = transport
	return ue.sendProtected(message, nas.SecurityHeaderTypeIntegrityProtectedAndCiphered)
}

func establishmentRequest(options []byte) ([]byte, error) {
	request := nasMessage.NewPDUSessionEstablishmentRequest(0)
	request.ExtendedProtocolDiscriminator.SetExtendedProtocolDiscriminator(nasMessage.Epd5GSSessionManagementMessage)
	request.PDUSESSIONESTABLISHMENTREQUESTMessageIdentity.SetMessageType(nas.MsgTypePDUSessionEstablishmentRequest)
	request.PDUSessionID.SetPDUSessionID(1)
	request.PTI.SetPTI(1)
	request.IntegrityProtectionMaximumDataRate.SetMaximumDataRatePerUEForUserPlaneIntegrityProtectionForDownLink(0xFF)
	request.IntegrityProtectionMaximumDataRate.SetMaximumDataRatePerUEForUserPlaneIntegrityProtectionForUpLink(0xFF)
	request.PDUSessionType = nasType.NewPDUSessionType(nasMessage.PDUSessionEstablishmentRequestPDUSessionTypeType)
	request.PDUSessionType.SetPDUSessionTypeValue(nasMessage.PDUSessionTypeIPv4)
	request.ExtendedProtocolConfigurationOptions = &nasType.ExtendedProtocolConfigurationOptions{
		Iei: nasMessage.PDUSessionEstablishmentRequestExtendedProtocolConfigurationOptionsType,
		Len: uint16(len(options)), Buffer: options,
	}
	message := nas.NewMessage()
	message.GsmMessage = nas.NewGsmMessage()
	message.GsmHeader.SetMessageType(nas.MsgTypePDUSessionEstablishmentRequest)
	message.PDUSessionEstablishmentRequest = request
	return encode(message)
}

// ---- What the network says

func (ue *ue) take(octets []byte) error {
	plain, protected, err := ue.open(octets)
	if err != nil {
		return err
	}
	message := new(nas.Message)
	if err := message.PlainNasDecode(&plain); err != nil {
		return err
	}
	kind := message.GmmHeader.GetMessageType()
	if !protected && kind != nas.MsgTypeAuthenticationRequest && kind != nas.MsgTypeRegistrationReject &&
		kind != nas.MsgTypeAuthenticationReject {
		return fmt.Errorf("message type %02x is not protected", kind)
	}
	switch kind {
	case nas.MsgTypeAuthenticationRequest:
		if message.AuthenticationRequest.EAPMessage == nil {
			return fmt.Errorf("an authentication that is not EAP")
		}
		tell("eap", map[string]any{"packet": hex.EncodeToString(message.AuthenticationRequest.EAPMessage.Buffer)})
	case nas.MsgTypeAuthenticationReject:
		tell("rejected", map[string]any{"packet": hex.EncodeToString(message.AuthenticationReject.EAPMessage.Buffer)})
	case nas.MsgTypeRegistrationReject:
		told := map[string]any{"cause": message.RegistrationReject.Cause5GMM.GetCauseValue()}
		if message.RegistrationReject.EAPMessage != nil {
			told["packet"] = hex.EncodeToString(message.RegistrationReject.EAPMessage.Buffer)
		}
		tell("rejected", told)
	case nas.MsgTypeSecurityModeCommand:
		return ue.secure(message.SecurityModeCommand)
	case nas.MsgTypeRegistrationAccept:
		return ue.finish(message.RegistrationAccept)
	case nas.MsgTypeDLNASTransport:
		return ue.takeSession(message.DLNASTransport.PayloadContainer.Buffer)
	default:
		return fmt.Errorf("message type %02x", kind)
	}
	return nil
}

func (ue *ue) secure(command *nasMessage.SecurityModeCommand) error {
	if !bytes.Equal(command.ReplayedUESecurityCapabilities.Buffer, capability) {
		return fmt.Errorf("the network replays other capabilities than ours")
	}
	algorithms := command.SelectedNASSecurityAlgorithms
	ciphering, integrity := algorithms.GetTypeOfCipheringAlgorithm(), algorithms.GetTypeOfIntegrityProtectionAlgorithm()
	if ciphering != security.AlgCiphering128NEA2 || integrity != security.AlgIntegrity128NIA2 {
		return fmt.Errorf("algorithms %d and %d", ciphering, integrity)
	}
	facts := map[string]any{}
	if command.EAPMessage != nil {
		facts["packet"] = hex.EncodeToString(command.EAPMessage.Buffer)
	}
	tell("secured", facts)
	complete := nasMessage.NewSecurityModeComplete(0)
	complete.ExtendedProtocolDiscriminator.SetExtendedProtocolDiscriminator(nasMessage.Epd5GSMobilityManagementMessage)
	complete.SecurityModeCompleteMessageIdentity.SetMessageType(nas.MsgTypeSecurityModeComplete)
	complete.NASMessageContainer = &nasType.NASMessageContainer{
		Iei: nasMessage.SecurityModeCompleteNASMessageContainerType, Len: uint16(len(ue.request)), Buffer: ue.request,
	}
	message := mobility(nas.MsgTypeSecurityModeComplete)
	message.SecurityModeComplete = complete
	return ue.sendProtected(message, nas.SecurityHeaderTypeIntegrityProtectedAndCipheredWithNew5gNasSecurityContext)
}

func (ue *ue) finish(accept *nasMessage.RegistrationAccept) error {
	complete := nasMessage.NewRegistrationComplete(0)
	complete.ExtendedProtocolDiscriminator.SetExtendedProtocolDiscriminator(nasMessage.Epd5GSMobilityManagementMessage)
	complete.RegistrationCompleteMessageIdentity.SetMessageType(nas.MsgTypeRegistrationComplete)
	message := mobility(nas.MsgTypeRegistrationComplete)
	message.RegistrationComplete = complete
	if err := ue.sendProtected(message, nas.SecurityHeaderTypeIntegrityProtectedAndCiphered); err != nil {
		return err
	}
	ue.attached = true
	tell("registered", map[string]any{"result": accept.RegistrationResult5GS.GetRegistrationResultValue5GS()})
	return nil
}

func (ue *ue) takeSession(payload []byte) error {
	message := new(nas.Message)
	if err := message.PlainNasDecode(&payload); err != nil {
		return err
	}
	if reject := message.PDUSessionEstablishmentReject; reject != nil {
		tell("no session", map[string]any{"cause": reject.Cause5GSM.GetCauseValue()})
		return nil
	}
	accept := message.PDUSessionEstablishmentAccept
	if accept == nil {
		return fmt.Errorf("a session message that is no answer")
	}
	facts := map[string]any{}
	if accept.PDUAddress != nil {
		information := accept.PDUAddress.GetPDUAddressInformation()
		facts["address"] = net.IP(information[:4]).String()
	}
	if accept.ExtendedProtocolConfigurationOptions != nil {
		facts["options"] = hex.EncodeToString(accept.ExtendedProtocolConfigurationOptions.Buffer)
	}
	tell("session", facts)
	return nil
}
