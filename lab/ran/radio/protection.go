package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/free5gc/nas"
	"github.com/free5gc/nas/security"
)

const servingNetwork = "5G:mnc001.mcc001.3gppnetwork.org"

type keys struct{ integrity, ciphering [16]uint8 }

// The keys of NAS (TS 33.501 annexes A.6, A.7, A.8, and B.2.1.1: K_AUSF is the first half of the EMSK).
func derive(emsk []byte, supi string) (*keys, error) {
	if len(emsk) != 64 {
		return nil, fmt.Errorf("an EMSK of %d octets", len(emsk))
	}
	seaf := kdf(emsk[:32], 0x6C, []byte(servingNetwork))
	amf := kdf(seaf, 0x6D, []byte(supi[len("imsi-"):]), []byte{0, 0})
	derived := &keys{}
	copy(derived.ciphering[:], kdf(amf, 0x69, []byte{security.NNASEncAlg}, []byte{security.AlgCiphering128NEA2})[16:])
	copy(derived.integrity[:], kdf(amf, 0x69, []byte{security.NNASIntAlg}, []byte{security.AlgIntegrity128NIA2})[16:])
	return derived, nil
}

// TS 33.220 annex B.2.
func kdf(key []byte, code byte, parameters ...[]byte) []byte {
	text := []byte{code}
	for _, parameter := range parameters {
		text = append(text, parameter...)
		text = binary.BigEndian.AppendUint16(text, uint16(len(parameter)))
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

func (ue *ue) sendProtected(message *nas.Message, header uint8) error {
	if ue.keys == nil {
		return fmt.Errorf("no keys")
	}
	plain, err := encode(message)
	if err != nil {
		return err
	}
	count := ue.uplinks.Get()
	if err := security.NASEncrypt(security.AlgCiphering128NEA2, ue.keys.ciphering, count, security.Bearer3GPP,
		security.DirectionUplink, plain); err != nil {
		return err
	}
	covered := append([]byte{ue.uplinks.SQN()}, plain...)
	mac, err := security.NASMacCalculate(security.AlgIntegrity128NIA2, ue.keys.integrity, count, security.Bearer3GPP,
		security.DirectionUplink, covered)
	if err != nil {
		return err
	}
	ue.uplinks.AddOne()
	octets := append([]byte{0x7E, header}, mac...)
	ue.gnb.send(uplink(ue.gnb.amfId, append(octets, covered...)))
	return nil
}

// The message in what came, and whether it was protected; a wrong MAC or count is an error.
func (ue *ue) open(octets []byte) ([]byte, bool, error) {
	if len(octets) < 3 || octets[1]&0x0F == nas.SecurityHeaderTypePlainNas {
		return octets, false, nil
	}
	if ue.keys == nil || len(octets) < 8 {
		return nil, false, fmt.Errorf("a protected message, and no keys")
	}
	if uint32(octets[6]) != ue.awaited&0xFF {
		return nil, false, fmt.Errorf("sequence number %d, not %d", octets[6], ue.awaited)
	}
	mac, err := security.NASMacCalculate(security.AlgIntegrity128NIA2, ue.keys.integrity, ue.awaited, security.Bearer3GPP,
		security.DirectionDownlink, octets[6:])
	if err != nil {
		return nil, false, err
	}
	if !hmac.Equal(mac, octets[2:6]) {
		return nil, false, fmt.Errorf("the MAC is wrong")
	}
	plain := append([]byte{}, octets[7:]...)
	if header := octets[1] & 0x0F; header == nas.SecurityHeaderTypeIntegrityProtectedAndCiphered {
		err = security.NASEncrypt(security.AlgCiphering128NEA2, ue.keys.ciphering, ue.awaited, security.Bearer3GPP,
			security.DirectionDownlink, plain)
	}
	ue.awaited++
	return plain, true, err
}
