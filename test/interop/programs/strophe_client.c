/* A CCS client on libstrophe: strophe_client HOST PORT CA_FILE TOKEN. Prints one line per frame. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

#define GCM "google:mobile:data"
static const char *token;

/* The text of a field of a frame; frames of a test have no escapes in these fields. */
static char *field(const char *json, const char *name, char *out, size_t size) {
  char key[64];
  const char *at, *end;
  snprintf(key, sizeof key, "\"%s\":\"", name);
  at = strstr(json, key);
  if (at == NULL || (end = strchr(at += strlen(key), '"')) == NULL) return NULL;
  snprintf(out, size, "%.*s", (int)(end - at), at);
  return out;
}

static void send_frame(xmpp_conn_t *conn, const char *json) {
  xmpp_ctx_t *ctx = xmpp_conn_get_context(conn);
  xmpp_stanza_t *message = xmpp_message_new(ctx, NULL, NULL, "");
  xmpp_stanza_t *gcm = xmpp_stanza_new(ctx);
  xmpp_stanza_t *text = xmpp_stanza_new(ctx);
  xmpp_stanza_set_name(gcm, "gcm");
  xmpp_stanza_set_ns(gcm, GCM);
  xmpp_stanza_set_text(text, json);
  xmpp_stanza_add_child(gcm, text);
  xmpp_stanza_add_child(message, gcm);
  xmpp_send(conn, message);
  xmpp_stanza_release(text);
  xmpp_stanza_release(gcm);
  xmpp_stanza_release(message);
}

static int on_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data) {
  xmpp_stanza_t *gcm = xmpp_stanza_get_child_by_ns(stanza, GCM);
  char *json = gcm == NULL ? NULL : xmpp_stanza_get_text(gcm);
  char type[64], id[512], from[8192], answer[16384];
  int upstream;
  (void)data;
  if (json == NULL) return 1;
  puts(json);
  fflush(stdout);
  upstream = field(json, "message_type", type, sizeof type) == NULL;
  if (upstream || strcmp(type, "receipt") == 0) {
    if (field(json, "message_id", id, sizeof id) != NULL && field(json, "from", from, sizeof from) != NULL) {
      snprintf(answer, sizeof answer, "{\"to\":\"%s\",\"message_id\":\"%s\",\"message_type\":\"ack\"}", from, id);
      send_frame(conn, answer);
    }
    if (upstream) xmpp_disconnect(conn);
  }
  xmpp_free(xmpp_conn_get_context(conn), json);
  return 1;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t status, int error, xmpp_stream_error_t *stream, void *data) {
  char frame[16384];
  (void)error;
  (void)stream;
  (void)data;
  if (status != XMPP_CONN_CONNECT) {
    xmpp_stop(xmpp_conn_get_context(conn));
    return;
  }
  puts("{\"online\":true}");
  fflush(stdout);
  xmpp_handler_add(conn, on_message, NULL, "message", NULL, NULL);
  snprintf(frame, sizeof frame,
           "{\"to\":\"%s\",\"message_id\":\"m-1\",\"data\":{\"text\":\"<Gr\u00fc\u00dfe & \U0001F600>\"},\"delivery_receipt_requested\":true}",
           token);
  send_frame(conn, frame);
  send_frame(conn, "{\"to\":\"no-such-token\",\"message_id\":\"m-2\",\"data\":{}}");
}

int main(int argc, char **argv) {
  xmpp_ctx_t *ctx;
  xmpp_conn_t *conn;
  if (argc != 5) return 2;
  token = argv[4];
  xmpp_initialize();
  ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_WARN));
  conn = xmpp_conn_new(ctx);
  xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_LEGACY_SSL);
  xmpp_conn_set_cafile(conn, argv[3]);
  xmpp_conn_set_jid(conn, "1234567890@gcm.googleapis.com");
  xmpp_conn_set_pass(conn, "AIzaSyEXAMPLE-0123456789-0123456789-012");
  if (xmpp_connect_client(conn, argv[1], (unsigned short)atoi(argv[2]), on_connection, NULL) != XMPP_EOK) return 3;
  xmpp_run(ctx);
  xmpp_conn_release(conn);
  xmpp_ctx_free(ctx);
  xmpp_shutdown();
  return 0;
}
