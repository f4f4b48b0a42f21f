/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/probe/probe_advice.h"

#include <string.h>

const char *probe_step_text(enum probe_step step)
{
    static const char *const texts[] = {
        [PROBE_NAME] = "name",           [PROBE_TCP] = "TCP",         [PROBE_TLS] = "TLS",
        [PROBE_WEBSOCKET] = "WebSocket", [PROBE_CONNACK] = "CONNACK", [PROBE_SUBACK] = "SUBACK",
    };
    return texts[step];
}

#define CLIENT_CERTIFICATE "this broker wants a client certificate it knows: certFile and keyFile"

/* The first that fits counts. */
static const struct {
    enum probe_step step;
    const char *words, *advice;
} rows[] = {
    {PROBE_NAME, "too long", "the resolver of this machine does not answer: see /etc/resolv.conf"},
    {PROBE_NAME, "",
     "check how the host is spelled, and whether this machine resolves it: getent "
     "hosts HOST"},
    {PROBE_TCP, "refused",
     "nothing listens there: is the broker running, and is the port right? "
     "(usually mqtt 1883, mqtts 8883, ws 80, wss 443)"},
    {PROBE_TCP, "",
     "is the address right, and does a firewall between here and there let it "
     "through?"},
    {PROBE_TLS, "another host",
     "write the name that stands in the certificate as the broker's "
     "host, or have the certificate made for this one"},
    {PROBE_TLS, "client certificate", CLIENT_CERTIFICATE},
    {PROBE_TLS, "expired", "have the broker's certificate renewed; is this machine's date right?"},
    {PROBE_TLS, "not yet valid",
     "is this machine's date right? Else have the broker's certificate corrected"},
    {PROBE_TLS, "as caFile",
     "set caFile to a PEM file: of the CA that signed the broker's certificate, or that "
     "certificate itself where it is self-signed"},
    {PROBE_TLS, "caFile",
     "correct caFile: the PEM file of the CA that signed the broker's "
     "certificate"},
    {PROBE_TLS, "keyFile", "correct certFile and keyFile: they must belong together"},
    {PROBE_TLS, "TLS version",
     "this broker speaks only versions of TLS that are no longer safe: have it updated"},
    {PROBE_TLS, "proxy", "check proxy: its address, and whether it may go to this port"},
    {PROBE_TLS, "no TLS",
     "this port speaks no TLS: mqtt:// or ws:// instead, or the broker's TLS "
     "port"},
    {PROBE_TLS, "TLS handshake",
     "this port speaks no TLS: mqtt:// or ws:// instead, or the "
     "broker's TLS port"},
    {PROBE_TLS, "",
     "does this port speak TLS at all? See what it presents: openssl s_client -connect "
     "HOST:PORT"},
    {PROBE_WEBSOCKET, "proxy", "check proxy: its address, and whether it may go to this port"},
    {PROBE_WEBSOCKET, "",
     "check the path of the address (/mqtt for most brokers, /ws for "
     "RabbitMQ), and that the port is the one for WebSockets"},
    /* TLS 1.3 tells of it behind the handshake. */
    {PROBE_CONNACK, "client certificate", CLIENT_CERTIFICATE},
    {PROBE_CONNACK, "user name or password", "correct username, and password or passwordFile"},
    {PROBE_CONNACK, "User Name or Password", "correct username, and password or passwordFile"},
    {PROBE_CONNACK, "uthorized",
     "correct username, and password or passwordFile; or allow this "
     "user at the broker"},
    {PROBE_CONNACK, "protocol version", "set mqttVersion to 4: this broker knows MQTT 3.1.1 only"},
    {PROBE_CONNACK, "rotocol Version", "set mqttVersion to 4: this broker knows MQTT 3.1.1 only"},
    {PROBE_CONNACK, "clientId",
     "let the broker take this clientId, or name another one (clientId)"},
    {PROBE_CONNACK, "",
     "is this the broker's port for MQTT? A TLS port wants mqtts://, one for "
     "WebSockets ws:// or wss://"},
    {PROBE_SUBACK, "ended the connection",
     "the broker ends the connection at a topic that it "
     "forbids: let this user read it, or correct topics"},
    {PROBE_SUBACK, "does not answer", "the broker does not answer the subscription: see its log"},
    {PROBE_SUBACK, "",
     "let this user read the topic (the broker's access rights), or correct "
     "topics"},
};

const char *probe_advice(enum probe_step step, const char *failure)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(rows) &&
           !(rows[i].step == step && strstr(failure, rows[i].words) != NULL))
        i++;
    return rows[i].advice;
}
