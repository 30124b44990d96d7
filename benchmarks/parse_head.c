/* parse_head.c - nanoseconds per request head, for every scanner.
 *
 * From the root of the repository:
 *
 *     cc -O3 -mavx2 -D_GNU_SOURCE -DPYRS_SCAN_X86 -Icsrc benchmarks/parse_head.c \
 *         csrc/http/[a-z]*.c -o build/parse_head && build/parse_head
 *
 * Each figure is the best of ROUNDS rounds: the noise of a shared machine only ever
 * adds. The heads stand behind one another in one buffer, as pipelined requests do, and
 * the last one is followed by the end of the buffer.
 */
#include <http/request_head.h>
#include <http/scan.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HEADS = 64, REPEATS = 300, ROUNDS = 60, HEADERS_MAX = 100 };

static const char small[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

static const char browser[] =
    "GET /blog/2026/an-article-with-a-name?page=2 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 "
    "Firefox/140.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/blog/2026/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "\r\n";

static const char odd[] = "POST /a%20b/../c HTTP/1.0\r\n"
                          "Host: example.com\r\n"
                          "Content-Length: 100\r\n"
                          "Connection: keep-alive\r\n"
                          "\r\n";

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void parse_all(const char *buffer, size_t length)
{
    static const struct head_limits limits = {8192, 32768, HEADERS_MAX};
    static struct header headers[HEADERS_MAX];
    struct request_head head = {.headers = headers};
    size_t offset = 0;

    while (offset < length) {
        struct head_progress progress = {0};
        struct reject reject;

        if (request_head_parse(slice_of(buffer + offset, length - offset), &limits,
                               &progress, &head, &reject) != HEAD_DONE)
            abort();
        offset += head.bytes;
    }
}

static double best_ns(const char *text, size_t length)
{
    char *buffer = malloc(length * HEADS);
    double best = 1e9;

    for (int i = 0; i < HEADS; i++)
        memcpy(buffer + (size_t)i * length, text, length);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();

        for (int i = 0; i < REPEATS; i++)
            parse_all(buffer, length * HEADS);
        double spent = (now_ns() - start) / REPEATS / HEADS;
        best = spent < best ? spent : best;
    }
    free(buffer);
    return best;
}

int main(void)
{
    static const char *const names[] = {"portable", "SSE4.2", "AVX2"};

    printf("%-10s %10s %10s %10s   ns per head\n", "", "small", "browser", "odd");
    for (enum scan_variant variant = 0; variant < SCAN_VARIANT_COUNT; variant++) {
        if (!scan_use(variant))
            continue;
        printf("%-10s %10.1f %10.1f %10.1f\n", names[variant],
               best_ns(small, sizeof(small) - 1), best_ns(browser, sizeof(browser) - 1),
               best_ns(odd, sizeof(odd) - 1));
    }
    return 0;
}
