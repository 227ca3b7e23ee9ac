/* A closed-loop SIP caller: keeps two INVITEs on the way over each of 16 sockets for a while.
 *
 * cc -O2 -o sip_load sip_load.c && ./sip_load PORT SECONDS CALLERS STEP
 *
 * Prints the seconds it took, how many answers were a 302 with an Identity that says A, how many
 * were not, and how many did not come. Every INVITE is a call of its own (branch, Call-ID, both
 * numbers). There are CALLERS numbers that call, each STEP after the one before. Several sockets,
 * for where processes share a port the kernel chooses among them by the address that asks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SOCKETS 16
#define WINDOW 2

static const char *INVITE =
    "INVITE sip:+1202555%04d@127.0.0.1:%d;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%x-%d\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Owl\" <sip:+1200%07d@127.0.0.1:%d;user=phone>;tag=%d\r\n"
    "To: <sip:+1202555%04d@127.0.0.1:%d;user=phone>\r\n"
    "Call-ID: %x-%d@127.0.0.1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:+1200%07d@127.0.0.1:%d>\r\n"
    "User-Agent: load\r\n"
    "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n"
    "Supported: timer, replaces\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 107\r\n\r\n"
    "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    "t=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";
/* {"attest":"A in base64url: the first claim of both servers' payloads. */
static const char *A_LEVEL = ".eyJhdHRlc3QiOiJBI";

static struct pollfd socks[SOCKETS];
static int ports[SOCKETS], sent;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int call(int n, int to, int callers, int step, int run) {
    char out[2048];
    int from = ports[n], called = sent * 13 % 10000;
    long caller = (long)((sent * 7919UL) % callers) * step;
    int length = snprintf(out, sizeof out, INVITE, called, to, from, run, sent, (int)caller, from,
                          sent, called, to, run, sent, (int)caller, from);
    if (send(socks[n].fd, out, length, 0) != length) return 0;
    sent++;
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int to_port = atoi(argv[1]), callers = atoi(argv[3]), step = atoi(argv[4]);
    double seconds = atof(argv[2]);
    int run = (int)time(NULL) ^ to_port, good = 0, other = 0, room = 1 << 20;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(to_port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int n = 0; n < SOCKETS; n++) {
        struct sockaddr_in own = {.sin_family = AF_INET};
        socklen_t size = sizeof own;
        own.sin_addr = to.sin_addr;
        socks[n].fd = socket(AF_INET, SOCK_DGRAM, 0);
        socks[n].events = POLLIN;
        setsockopt(socks[n].fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        if (bind(socks[n].fd, (struct sockaddr *)&own, sizeof own)) return 1;
        getsockname(socks[n].fd, (struct sockaddr *)&own, &size);
        if (connect(socks[n].fd, (struct sockaddr *)&to, sizeof to)) return 1;
        ports[n] = ntohs(own.sin_port);
    }
    char in[65536];
    double begun = now(), ended = begun;
    for (int n = 0; n < SOCKETS; n++)
        for (int k = 0; k < WINDOW; k++) call(n, to_port, callers, step, run);
    while (good + other < sent && poll(socks, SOCKETS, 1000) > 0) {
        ended = now();
        for (int n = 0; n < SOCKETS; n++) {
            if (!socks[n].revents) continue;
            int got;
            while ((got = recv(socks[n].fd, in, sizeof in, MSG_DONTWAIT)) > 0) {
                if (got > 11 && !memcmp(in, "SIP/2.0 302", 11) && memmem(in, got, A_LEVEL, 18))
                    good++;
                else
                    other++;
                if (ended - begun < seconds) call(n, to_port, callers, step, run);
            }
        }
    }
    printf("%.6f %d %d %d\n", ended - begun, good, other, sent - good - other);
    return 0;
}
