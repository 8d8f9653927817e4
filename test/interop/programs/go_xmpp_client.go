// A CCS client on go-xmpp, as go-gcm uses it: go_xmpp_client HOST PORT CA_FILE TOKEN. Prints one line per frame.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log"
	"os"
	"strings"

	xmpp "github.com/mattn/go-xmpp"
)

func main() {
	host, port, caFile, token := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ca, err := os.ReadFile(caFile)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client, err := xmpp.Options{
		Host:      host + ":" + port,
		User:      "1234567890@gcm.googleapis.com",
		Password:  "AIzaSyEXAMPLE-0123456789-0123456789-012",
		TLSConfig: &tls.Config{RootCAs: roots, ServerName: "gcm.googleapis.com"},
	}.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(`{"online":true}`)
	send := func(frame map[string]interface{}) {
		text, _ := json.Marshal(frame)
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, text)
		stanza := `<message id=""><gcm xmlns="google:mobile:data">` + escaped.String() + `</gcm></message>`
		if _, err := client.SendOrg(stanza); err != nil {
			log.Fatal(err)
		}
	}
	send(map[string]interface{}{"to": token, "message_id": "m-1", "data": map[string]string{"text": "<Grüße & 😀>"}, "delivery_receipt_requested": true})
	send(map[string]interface{}{"to": "no-such-token", "message_id": "m-2", "data": map[string]string{}})
	for {
		stanza, err := client.Recv()
		if err != nil {
			log.Fatal(err)
		}
		chat, ok := stanza.(xmpp.Chat)
		if !ok || len(chat.Other) == 0 {
			continue
		}
		fmt.Println(chat.Other[0])
		var frame struct {
			From        string `json:"from"`
			MessageID   string `json:"message_id"`
			MessageType string `json:"message_type"`
		}
		if err := json.Unmarshal([]byte(chat.Other[0]), &frame); err != nil {
			log.Fatal(err)
		}
		if frame.MessageType != "" && frame.MessageType != "receipt" {
			continue
		}
		send(map[string]interface{}{"to": frame.From, "message_id": frame.MessageID, "message_type": "ack"})
		if frame.MessageType == "" {
			_ = client.Close()
			return
		}
	}
}
