// A CCS client on gloox: gloox_client HOST PORT CA_FILE TOKEN. Prints one line per frame.
#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/connectiontcpclient.h>
#include <gloox/connectiontls.h>
#include <gloox/message.h>
#include <gloox/messagehandler.h>
#include <gloox/stanzaextension.h>
#include <gloox/tag.h>
#include <gloox/tlsdefault.h>
#include <gloox/tlshandler.h>
#include <cstdlib>
#include <iostream>
#include <string>

using namespace gloox;

static const std::string GCM = "google:mobile:data";
enum { EXT_GCM = ExtUser + 1 };

/** The text of <gcm>. */
class Gcm : public StanzaExtension {
 public:
  explicit Gcm(const Tag* tag = nullptr) : StanzaExtension(EXT_GCM), json(tag == nullptr ? "" : tag->cdata()) {}
  explicit Gcm(const std::string& text) : StanzaExtension(EXT_GCM), json(text) {}
  const std::string& filterString() const override {
    static const std::string filter = "/message/gcm";  // acks come as data:gcm, whose prefix the message declares
    return filter;
  }
  StanzaExtension* newInstance(const Tag* tag) const override { return new Gcm(tag); }
  StanzaExtension* clone() const override { return new Gcm(json); }
  Tag* tag() const override {
    Tag* tag = new Tag("gcm", json);
    tag->setXmlns(GCM);
    return tag;
  }
  const std::string json;
};

/** The text of a field of a frame; frames of a test have no escapes in these fields. */
static std::string field(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const size_t at = json.find(key);
  if (at == std::string::npos) return "";
  const size_t from = at + key.size();
  return json.substr(from, json.find('"', from) - from);
}

/** Trusts a CA file: gloox 1.0 with GnuTLS keeps what setCACerts() of a connection is given and does not read it. */
class Tls : public TLSDefault {
 public:
  Tls(TLSHandler* handler, const std::string& server) : TLSDefault(handler, server, TLSDefault::VerifyingClient) {}
  bool init(const std::string& key, const std::string& certs, const StringList& authorities) override {
    if (!TLSDefault::init(key, certs, authorities)) return false;
    setCACerts(authorities);
    return true;
  }
};

/** A stream that begins with TLS. */
class Connection : public ConnectionTLS {
 public:
  using ConnectionTLS::ConnectionTLS;

 protected:
  TLSBase* getTLSBase(TLSHandler* handler, const std::string server) override { return new Tls(handler, server); }
};

class Program : public ConnectionListener, public MessageHandler, public TLSHandler {
 public:
  Program(const char* host, int port, const char* ca, const char* token)
      : token_(token), client_(JID("1234567890@gcm.googleapis.com"), "AIzaSyEXAMPLE-0123456789-0123456789-012") {
    client_.registerConnectionListener(this);
    client_.registerMessageHandler(this);
    client_.registerStanzaExtension(new Gcm());
    client_.setTls(TLSDisabled);  // none inside of the stream: it begins with TLS
    client_.setCompression(false);
    client_.setPresence(Presence::Unavailable, 0);
    Connection* tls = new Connection(&client_, new ConnectionTCPClient(client_.logInstance(), host, port), client_.logInstance());
    StringList authorities;
    authorities.push_back(ca);
    tls->setCACerts(authorities);
    tls->registerTLSHandler(this);  // the client itself would begin its stream twice
    client_.setConnectionImpl(tls);
  }
  bool run() { return client_.connect(true); }

  void onConnect() override {
    std::cout << "{\"online\":true}" << std::endl;
    send("{\"to\":\"" + token_ + "\",\"message_id\":\"m-1\",\"data\":{\"text\":\"<Grüße & 😀>\"},\"delivery_receipt_requested\":true}");
    send("{\"to\":\"no-such-token\",\"message_id\":\"m-2\",\"data\":{}}");
  }
  void onDisconnect(ConnectionError error) override { std::cerr << "disconnected " << error << std::endl; }
  bool onTLSConnect(const CertInfo&) override { return true; }
  void handleEncryptedData(const TLSBase*, const std::string&) override {}
  void handleDecryptedData(const TLSBase*, const std::string&) override {}
  void handleHandshakeResult(const TLSBase*, bool success, CertInfo& info) override {
    if (success && info.status == CertOk) return;
    std::cerr << "certificate status " << info.status << std::endl;
    std::exit(1);
  }
  void handleMessage(const Message& message, MessageSession*) override {
    const Gcm* gcm = message.findExtension<Gcm>(EXT_GCM);
    if (gcm == nullptr) return;
    const std::string& json = gcm->json;
    std::cout << json << std::endl;
    const std::string type = field(json, "message_type");
    if (type.empty() || type == "receipt") {
      send("{\"to\":\"" + field(json, "from") + "\",\"message_id\":\"" + field(json, "message_id") + "\",\"message_type\":\"ack\"}");
    }
    if (type.empty()) client_.disconnect();
  }

 private:
  void send(const std::string& json) {
    Message message(Message::Normal, JID());
    message.addExtension(new Gcm(json));
    client_.send(message);
  }
  const std::string token_;
  Client client_;
};

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  return Program(argv[1], std::atoi(argv[2]), argv[3], argv[4]).run() ? 0 : 1;
}
