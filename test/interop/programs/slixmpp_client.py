# A CCS client on Debian's python3-slixmpp: python3 slixmpp_client.py HOST PORT CA_FILE TOKEN. Prints one line per frame.
import asyncio
import json
import sys
from xml.sax.saxutils import escape

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

host, port, ca_file, token = sys.argv[1:]
GCM = "{google:mobile:data}gcm"


class Ccs(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__("1234567890@gcm.googleapis.com", "AIzaSyEXAMPLE-0123456789-0123456789-012")
        self.ca_certs = ca_file
        self["feature_mechanisms"].unencrypted_plain = True
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("disconnected", lambda _: self.loop.stop())
        self.register_handler(Callback("gcm", MatchXPath("{jabber:client}message/" + GCM), self.on_frame))

    def say(self, value):
        print(json.dumps(value, ensure_ascii=False), flush=True)

    def send_frame(self, frame):
        text = escape(json.dumps(frame, ensure_ascii=False))
        self.send_raw(f'<message id=""><gcm xmlns="google:mobile:data">{text}</gcm></message>')

    def start(self, _):
        self.say({"online": True})
        self.send_frame({"to": token, "message_id": "m-1", "data": {"text": "<Grüße & 😀>"}, "delivery_receipt_requested": True})
        self.send_frame({"to": "no-such-token", "message_id": "m-2", "data": {}})

    def on_frame(self, stanza):
        frame = json.loads(stanza.xml.find(GCM).text)
        self.say(frame)
        if frame.get("message_type") in (None, "receipt"):
            self.send_frame({"to": frame["from"], "message_id": frame["message_id"], "message_type": "ack"})
            if frame.get("data", {}).get("end") == "yes":
                self.disconnect()


ccs = Ccs()
ccs.connect((host, int(port)), use_ssl=True, disable_starttls=True)
ccs.loop.run_forever()
