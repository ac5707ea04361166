package main

import (
	"net"
	"time"

	"github.com/free5gc/pfcp"
	"github.com/free5gc/pfcp/pfcpType"
	"github.com/free5gc/pfcp/pfcpUdp"
)

// A UPF's control end (TS 29.244): it says yes to every association and session, and forwards nothing.
func serveN4(address net.IP) error {
	server := pfcpUdp.NewPfcpServer(address.String())
	if err := server.Listen(); err != nil {
		return err
	}
	node := &pfcpType.NodeID{NodeIdType: pfcpType.NodeIdTypeIpv4Address, NodeIdValue: address}
	go func() {
		for {
			var message pfcp.Message
			peer, err := server.ReadFrom(&message)
			if err != nil {
				continue // what was sent again, and what is none
			}
			if answer := accept(&message, node, address); answer != nil {
				if err := server.WriteTo(*answer, peer); err != nil {
					fail("N4", err)
				}
			}
		}
	}()
	return nil
}

func accept(message *pfcp.Message, node *pfcpType.NodeID, address net.IP) *pfcp.Message {
	yes := &pfcpType.Cause{CauseValue: pfcpType.CauseRequestAccepted}
	header := pfcp.Header{
		Version:        pfcp.PfcpVersion,
		SequenceNumber: message.Header.SequenceNumber,
	}
	switch body := message.Body.(type) {
	case pfcp.PFCPAssociationSetupRequest:
		tell("associated", nil)
		header.MessageType = pfcp.PFCP_ASSOCIATION_SETUP_RESPONSE
		return &pfcp.Message{Header: header, Body: pfcp.PFCPAssociationSetupResponse{
			NodeID:            node,
			Cause:             yes,
			RecoveryTimeStamp: &pfcpType.RecoveryTimeStamp{RecoveryTimeStamp: time.Now()},
			UserPlaneIPResourceInformation: &pfcpType.UserPlaneIPResourceInformation{
				Assoni: true, V4: true, Ipv4Address: address, NetworkInstance: []byte("internet"),
			},
		}}
	case pfcp.PFCPSessionEstablishmentRequest:
		tell("session established", map[string]any{
			"seid": body.CPFSEID.Seid, "rules": len(body.CreatePDR), "qers": len(body.CreateQER),
			"ue": addressOf(body.CreatePDR),
		})
		header.MessageType = pfcp.PFCP_SESSION_ESTABLISHMENT_RESPONSE
		header.S, header.SEID = pfcp.SEID_PRESENT, body.CPFSEID.Seid
		return &pfcp.Message{Header: header, Body: pfcp.PFCPSessionEstablishmentResponse{
			NodeID:  node,
			Cause:   yes,
			UPFSEID: &pfcpType.FSEID{V4: true, Seid: 1_000 + body.CPFSEID.Seid, Ipv4Address: address},
		}}
	case pfcp.PFCPSessionModificationRequest:
		tell("session modified", map[string]any{"rules": len(body.CreatePDR), "qers": len(body.CreateQER)})
		header.MessageType = pfcp.PFCP_SESSION_MODIFICATION_RESPONSE
		header.S, header.SEID = pfcp.SEID_PRESENT, message.Header.SEID-1_000
		return &pfcp.Message{Header: header, Body: pfcp.PFCPSessionModificationResponse{Cause: yes}}
	}
	tell("ignored", map[string]any{"type": int(message.Header.MessageType)})
	return nil
}

// The address that the SMF gave the UE, as its downlink rule matches it.
func addressOf(rules []*pfcp.CreatePDR) string {
	for _, rule := range rules {
		if rule.PDI != nil && rule.PDI.UEIPAddress != nil {
			return rule.PDI.UEIPAddress.Ipv4Address.String()
		}
	}
	return ""
}
